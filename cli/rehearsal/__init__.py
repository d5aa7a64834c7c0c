"""`rehearse`: one made-up person, sent through the real webhook and read back from Klaviyo."""

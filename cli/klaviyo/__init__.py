"""A Klaviyo account, as the terminal reads it: its scopes, people, events, metrics and lists."""

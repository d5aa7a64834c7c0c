"""The settings, of the destination and of one message, and the rules file."""

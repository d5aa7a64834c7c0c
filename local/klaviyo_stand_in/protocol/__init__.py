"""Requests and answers as Klaviyo writes them, and the weather that the account is in."""

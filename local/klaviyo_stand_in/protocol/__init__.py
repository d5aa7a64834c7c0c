"""Requests and answers as Klaviyo writes them."""

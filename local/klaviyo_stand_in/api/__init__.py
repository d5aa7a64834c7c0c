"""Klaviyo's endpoints: from a request to an answer."""

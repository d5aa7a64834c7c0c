"""What Klaviyo checks of a request: its schema, its rules, its rate limits."""

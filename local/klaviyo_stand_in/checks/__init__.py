"""What Klaviyo checks in a request: schema, rules, rate limits."""

"""What Klaviyo's API is: endpoints, bodies, queries, answers. Knows no delivery."""

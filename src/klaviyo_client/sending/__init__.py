"""Requests on their way: connections, rate limits, the circuit breaker."""

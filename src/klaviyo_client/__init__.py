"""Klaviyo's API: operations in, requests out, one outcome for each operation.

Knows Klaviyo, and neither AWS nor Segment. The way of an operation: `people` tells who it is about
and what must follow what, `planning` decides the requests, `sending` sends them as far as rate
limits and the circuit breaker allow, `recovery` reads the replies and decides what is sent again.
`api` is what all of them know of Klaviyo. `delivery` puts it together.
"""

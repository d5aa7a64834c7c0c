"""Klaviyo's API: operations in, requests out, one outcome for each operation.

Knows Klaviyo, and neither AWS nor Segment. The way of an operation: `persons` and `planner` decide
the requests, `bodies` writes them, `sending` sends them through `transport` as far as `gate`
allows, `answers` reads what came back, `settling` says what that means for each operation and what
is worth sending once more (`amendments`). `delivery` puts it together.
"""

"""Klaviyo's API: operations in, requests out, one outcome for each operation.

Knows Klaviyo, and neither AWS nor Segment. The way of an operation: `order` says what must follow
what, `lists` and `lookups` find out which list and which profile are meant, `persons`, `edits`,
`planner`, `consent` and `removals` decide the requests, `bodies` and `queries` write them,
`sending` sends them through `transport` as far as `gate` allows, `answers` reads what came back,
`settling` and `mending` decide what that means for each operation, and what is sent once more
(`amendments`). `delivery` puts it together.
"""

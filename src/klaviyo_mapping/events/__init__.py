"""A track, page or screen as events: names, values, orders and their products."""

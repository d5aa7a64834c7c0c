"""The dead-letter queue: its entries read, selected, redriven and deleted."""

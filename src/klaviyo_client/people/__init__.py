"""Which operations are about one person, and in which order they take effect."""

"""What the mapping decides of one message: operations with warnings, or a drop with its reason."""

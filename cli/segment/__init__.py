"""Segment, as the terminal sees it: signatures, and why one does not match."""

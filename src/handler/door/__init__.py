"""The checks between Segment and the mapping: who sent it, is it JSON, is it a message."""

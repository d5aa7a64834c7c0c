"""An identify or a group as one profile: attributes, custom properties, edits."""

"""The parts of the documentation that scripts make, so that they stay up to date.

`.venv/bin/python -m local.documenting` makes all of them: the dashboard's layout, the console's
screenshots, and a recording of a terminal.
"""

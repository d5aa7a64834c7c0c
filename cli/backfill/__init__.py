"""Loads an archive into Klaviyo: the same mapping, bulk requests, safe to interrupt.

`archive_reading` cuts the archive into rounds, `translation` says which messages count and what
each becomes, `state_file` keeps what is done and what waits (SQLite), `rejects` what will never be
delivered, `run` puts it together, and `reporting` shows it.
"""

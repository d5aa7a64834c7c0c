"""Loads an archive into Klaviyo: the same mapping, bulk requests, safe to interrupt.

`selection` says which messages count, `translation` what each becomes, `state` keeps what is done
and what waits (SQLite), `rejects` what will never be delivered, and `run` puts it together.
"""

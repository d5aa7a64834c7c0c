"""The account's data: profiles, consents, events, lists, jobs."""

"""What the account holds: profiles, consents, events, lists, jobs."""

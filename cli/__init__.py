"""The command line `klaviyo-destination`: preview messages, operate a deployment, load an archive.

Not deployed. It uses what the functions use (door, mapping, client, envelope). Nothing in `src/`
imports it. `main` is the command, `commands/` has one module for each verb, and only `terminal`
writes to it.
"""

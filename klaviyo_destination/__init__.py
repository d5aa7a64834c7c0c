"""The command line `klaviyo-destination`: look before, mend after, and bring history along.

Not deployed. It uses what the functions use (door, mapping, client, envelope), and nothing in
`src/` knows of it. `main` is the command, `commands/` has a module for each of its verbs, `console`
is all that writes to the terminal.
"""

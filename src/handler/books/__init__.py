"""What the functions write into the ledger, and what they ask it. Imported only when it is on."""

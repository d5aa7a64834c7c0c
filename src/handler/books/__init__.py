"""What the functions write to the ledger and read from it. Imported only when it is on."""

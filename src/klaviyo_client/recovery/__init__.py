"""What a reply means for each operation, and what is sent again in another form."""

"""AWS from the terminal: clients, and what a deployed stack says of itself."""

"""What `make run` shows in the terminal."""

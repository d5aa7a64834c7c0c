"""`python -m klaviyo_destination`: the command, where it is not installed."""

from klaviyo_destination.main import run

if __name__ == "__main__":
    run()

"""`python -m cli`: the command line from a checkout."""

from cli.main import run

if __name__ == "__main__":
    run()

"""The whole destination on one machine: `python -m local`, or `make run`. Never packaged."""

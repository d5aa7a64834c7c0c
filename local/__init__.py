"""The whole destination on one machine: `python -m local`, or `make run`. Never packaged."""

import sys
from pathlib import Path

SRC = str(Path(__file__).parents[1] / "src")

if SRC not in sys.path:
    # Without it, `python -m local.sam` and its like would need PYTHONPATH.
    sys.path.append(SRC)

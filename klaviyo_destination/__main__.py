"""The entry of `klaviyo-destination` and of `python -m klaviyo_destination`.

Finds the packages that the command imports (`handler`, `klaviyo_client`, `klaviyo_mapping`,
`preview`). An installed wheel holds them in `bundled/` (see `setup.py`), so that they are nobody
else's top-level packages; a checkout has them in `src/` and at its root.
"""

import sys
from pathlib import Path

HERE = Path(__file__).parent
BUNDLED = HERE / "bundled"


def run() -> None:
    """Run the command with the arguments of this process, and exit with its status."""
    folders = [BUNDLED] if BUNDLED.is_dir() else [HERE.parent / "src", HERE.parent]
    sys.path[:0] = map(str, folders)

    from klaviyo_destination.main import run as run_command

    run_command()


if __name__ == "__main__":
    run()

"""The entry of `klaviyo-destination`: finds the packages of the command, and runs it.

An installed wheel holds them in `bundled/`, so that they are nobody else's top-level packages; a
checkout has them in `src/` and at its root.
"""

import sys
from pathlib import Path

HERE = Path(__file__).parent
BUNDLED = HERE / "bundled"


def run() -> None:
    """Run the command with the arguments of this process, and exit with its status."""
    checkout = HERE.parent.parent
    folders = [BUNDLED] if BUNDLED.is_dir() else [checkout / "src", checkout]
    sys.path[:0] = map(str, folders)

    from cli.main import run as run_command

    run_command()


if __name__ == "__main__":
    run()

"""`python -m local.segment_stand_in [PORT]`: a workspace with one source, until Ctrl-C."""

import sys
import threading

from local.segment_stand_in import Workspace, serve

TOKEN = "sgp_stand_in"


def main(arguments: list[str]) -> int:
    """Serve, and print the variables with which the command line finds it."""
    workspace = Workspace(TOKEN)
    workspace.add_source("my-shop", "My shop")
    with serve(workspace, int(arguments[0]) if arguments else 0) as url:
        print(f"SEGMENT_API_URL={url} SEGMENT_TOKEN={TOKEN}", flush=True)
        threading.Event().wait()
    return 0


if __name__ == "__main__":
    try:
        sys.exit(main(sys.argv[1:]))
    except KeyboardInterrupt:
        sys.exit(0)

"""Moto's server with the queues and the secret, until killed.

    python -m bench.far_ends.amazon KEY SECRET

Writes the environment variables that point a function at it as one line of JSON.
"""

import json
import os
import sys
from threading import Event

from local.aws_stand_in import server as aws


def main(key: str, shared_secret: str) -> None:
    """Serve until the process is ended."""
    with aws.serve() as url:
        os.environ.update(aws.variables(url))
        os.environ.pop("AWS_PROFILE", None)
        secret = {"klaviyo_private_key": key, "segment_shared_secret": shared_secret}
        queues = aws.create("bench", secret)
        print(json.dumps({**aws.variables(url), **queues.variables()}), flush=True)
        Event().wait()


if __name__ == "__main__":
    main(*sys.argv[1:])

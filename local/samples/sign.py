"""Signs sample events as Segment signs its requests: `python -m local.samples.sign events/*.json`.

Run it after a change to a sample's body. It leaves files alone whose signature is wrong on purpose,
or that are not webhook events.
"""

import base64
import json
import sys
from pathlib import Path
from typing import Any

from cli.segment.signature import signature, signed_part

SAMPLE_SECRET = "sample-shared-secret"
WRONG_ON_PURPOSE = "wrong-signature.json"


def body_of(lambda_event: dict[str, Any]) -> bytes:
    """The bytes of an event's body."""
    body: str = lambda_event.get("body", "")
    return base64.b64decode(body) if lambda_event.get("isBase64Encoded") else body.encode()


def signed_with(lambda_event: dict[str, Any], secret: str) -> dict[str, Any]:
    """A sample as Segment would sign it with this secret. A wrong signature stays wrong."""
    part = signed_part(body_of(lambda_event))
    headers = lambda_event["headers"]
    if headers.get("x-signature") != signature(part, SAMPLE_SECRET):
        return lambda_event
    return {**lambda_event, "headers": {**headers, "x-signature": signature(part, secret)}}


def main(paths: list[str]) -> None:
    """Put the right signature into each file, and say which ones have changed."""
    for path in map(Path, paths):
        lambda_event = json.loads(path.read_text())
        if path.name == WRONG_ON_PURPOSE or "headers" not in lambda_event:
            continue
        right = signature(signed_part(body_of(lambda_event)), SAMPLE_SECRET)
        if lambda_event["headers"].get("x-signature") != right:
            lambda_event["headers"]["x-signature"] = right
            path.write_text(json.dumps(lambda_event, indent=2, ensure_ascii=False) + "\n")
            print(f"signed {path}")


if __name__ == "__main__":
    main(sys.argv[1:])

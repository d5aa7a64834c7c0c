"""Klaviyo, DynamoDB and the secret behind one port, which it prints.

    python -m bench.far_ends.ledger_end SECONDS

Klaviyo accepts every request after so many seconds. DynamoDB answers after 5 ms; it knows something
about every person and nothing about any message.
"""

import asyncio
import base64
import json
import struct
import sys
from typing import Any

from msgspec.json import decode, encode

from bench import messages

DYNAMODB_SECONDS = 0.005

SECRET = {
    "klaviyo_private_key": "pk_bench",
    "segment_shared_secret": messages.SECRET,
    "ledger_key": "a-key-of-the-ledger-that-nobody-guesses",
}
WORDS = f"1.0 {base64.b64encode(struct.pack('<20Q', *range(20))).decode()}"
"""What is known about a person: twenty fields, written long ago."""


PROFILE = {"data": {"type": "profile", "id": "bench-profile", "attributes": {}}}
JOB = {"data": {"type": "profile-bulk-import-job", "id": "bench-job"}}


class End:
    """Klaviyo, DynamoDB and the secret, behind one port."""

    def __init__(self, klaviyo_seconds: float) -> None:
        self._klaviyo_seconds = klaviyo_seconds

    async def serve(self) -> None:
        """On a free port, which is printed, until the process is ended."""
        server = await asyncio.start_server(self._connected, "127.0.0.1", 0)
        print(server.sockets[0].getsockname()[1], flush=True)
        await server.serve_forever()

    async def _connected(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            while True:
                head = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1").lower()
                length = int(head.partition("content-length:")[2].split("\r\n")[0] or 0)
                body = await reader.readexactly(length)
                answer = await self._answer(head, body)
                content = encode(answer)
                is_job = answer is JOB
                writer.write(b"HTTP/1.1 202 Accepted\r\n" if is_job else b"HTTP/1.1 200 OK\r\n")
                writer.write(
                    b"Content-Type: application/json\r\nContent-Length: %d\r\n\r\n" % len(content)
                )
                writer.write(content)
        except (asyncio.IncompleteReadError, ConnectionError):
            writer.close()

    async def _answer(self, head: str, body: bytes) -> Any:
        target = head.partition("x-amz-target:")[2].split("\r\n")[0].strip()
        if not target:
            await asyncio.sleep(self._klaviyo_seconds)
            return PROFILE if head.startswith("post /api/profile-import ") else JOB
        if target.endswith("getsecretvalue"):
            return {"SecretString": json.dumps(SECRET)}
        await asyncio.sleep(DYNAMODB_SECONDS)
        if target.endswith("batchgetitem"):
            return _known(decode(body))
        return {"UnprocessedItems": {}}


def _known(document: dict[str, Any]) -> dict[str, Any]:
    """Something about every person, and nothing about any message."""
    found = {}
    for table, wanted in document["RequestItems"].items():
        found[table] = [
            {
                **key,
                "w": {"S": WORDS},
                "c": {"S": ""},
                "u": {"N": "0.0"},
                "o": {"S": "somebody"},
                "v": {"N": "7"},
                "expires": {"N": "9999999999"},
            }
            for key in wanted["Keys"]
            if key["sk"]["S"] == "words"
        ]
    return {"Responses": found, "UnprocessedKeys": {}}


if __name__ == "__main__":
    asyncio.run(End(float(sys.argv[1])).serve())

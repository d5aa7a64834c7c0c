"""Klaviyo, DynamoDB and the secret behind one port, which it prints.

    python -m bench.far_ends.ledger_end SECONDS

Klaviyo accepts every request after so many seconds. DynamoDB answers after 5 ms; it knows something
about every person and nothing about any message. The answers are written as bytes, and most of the
requests are not read: one process is to answer dozens at once, each as if it were the only one.
"""

import asyncio
import base64
import json
import re
import struct
import sys

from bench import messages

DYNAMODB_SECONDS = 0.005
"""From the end of the request to the begin of the answer."""

LONGEST = 1_000_000
"""Bytes of a request that are taken without a pause."""

SECRET = {
    "klaviyo_private_key": "pk_bench",
    "segment_shared_secret": messages.SECRET,
    "ledger_key": "a-key-of-the-ledger-that-nobody-guesses",
}
WORDS = f"1.0 {base64.b64encode(struct.pack('<20Q', *range(20))).decode()}"
"""What is known about a person: twenty fields, written long ago."""


PROFILE = b'{"data":{"type":"profile","id":"bench-profile","attributes":{}}}'
JOB = b'{"data":{"type":"profile-bulk-import-job","id":"bench-job"}}'

TABLE = re.compile(rb'"RequestItems":\{"([^"]+)"')
PERSON = re.compile(rb'\{"pk":\{"S":"([^"]+)"\},"sk":\{"S":"words"\}\}')
KNOWN = (
    b'{"pk":{"S":"%b"},"sk":{"S":"words"},"w":{"S":"'
    + WORDS.encode()
    + b'"},"c":{"S":""},"u":{"N":"0.0"},"o":{"S":"somebody"},"v":{"N":"7"},'
    b'"expires":{"N":"9999999999"}}'
)


class End:
    """Klaviyo, DynamoDB and the secret, behind one port."""

    def __init__(self, klaviyo_seconds: float) -> None:
        self._klaviyo_seconds = klaviyo_seconds

    async def serve(self) -> None:
        """On a free port, which is printed, until the process is ended."""
        server = await asyncio.start_server(self._connected, "127.0.0.1", 0, limit=LONGEST)
        print(server.sockets[0].getsockname()[1], flush=True)
        await server.serve_forever()

    async def _connected(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            while True:
                head = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1").lower()
                length = int(head.partition("content-length:")[2].split("\r\n")[0] or 0)
                body = await reader.readexactly(length)
                content = await self._answer(head, body)
                writer.write(
                    b"HTTP/1.1 %b\r\nContent-Type: application/json\r\nContent-Length: %d\r\n\r\n%b"
                    % (b"202 Accepted" if content is JOB else b"200 OK", len(content), content)
                )
        except (asyncio.IncompleteReadError, ConnectionError):
            writer.close()

    async def _answer(self, head: str, body: bytes) -> bytes:
        began = asyncio.get_running_loop().time()
        target = head.partition("x-amz-target:")[2].split("\r\n")[0].strip()
        if not target:
            await asyncio.sleep(self._klaviyo_seconds)
            return PROFILE if head.startswith("post /api/profile-import ") else JOB
        if target.endswith("getsecretvalue"):
            return json.dumps({"SecretString": json.dumps(SECRET)}).encode()
        answer = _known(body) if target.endswith("batchgetitem") else b'{"UnprocessedItems":{}}'
        await asyncio.sleep(began + DYNAMODB_SECONDS - asyncio.get_running_loop().time())
        return answer


def _known(body: bytes) -> bytes:
    """Something about every person, and nothing about any message."""
    table = TABLE.search(body)
    items = b",".join([KNOWN % person for person in PERSON.findall(body)])
    name = table[1] if table else b""
    return b'{"Responses":{"%b":[%b]},"UnprocessedKeys":{}}' % (name, items)


if __name__ == "__main__":
    asyncio.run(End(float(sys.argv[1])).serve())

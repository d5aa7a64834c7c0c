"""A far end that costs almost nothing, to measure what the stand-in's own work would hide.

    python -m bench.far_ends.sink [SECONDS]

Answers every request as Klaviyo answers a good one, after so many seconds, and checks nothing: it
measures the price of the transport. Prints its port. `GET /__stats` returns and clears its counts,
as the peers' harnesses expect. `slowest` is the time of the slowest request in seconds, from its
first byte until the answer was written.
"""

import asyncio
import json
import sys

NO_CONTENT_YET = ("202 Accepted", b"")
PROFILE = b'{"data":{"type":"profile","id":"01GDDKASAP8TKDDA2GRZDSVP4H","attributes":{}}}'
JOB = b'{"data":{"type":"profile-bulk-import-job","id":"bench-job","attributes":{}}}'
ANSWERS = (
    ("/api/profile-import", ("200 OK", PROFILE)),
    ("/api/profiles", ("201 Created", PROFILE)),
    ("/api/profile-bulk-import-jobs", ("202 Accepted", JOB)),
)
"""By the beginning of the path; anything else gets a 202 without a body."""

LIMITS = "RateLimit-Limit: 350\r\nRateLimit-Remaining: 349\r\nRateLimit-Reset: 0\r\n"


class Sink(asyncio.Protocol):
    """One connection, kept alive."""

    counts = {"requests": 0, "connections": 0, "body_bytes": 0}  # noqa: RUF012 - shared by all
    slowest = 0.0

    def __init__(self, seconds: float) -> None:
        self._seconds = seconds
        self._loop = asyncio.get_running_loop()
        self._began = 0.0

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Keep the connection, to answer on it."""
        assert isinstance(transport, asyncio.Transport)
        self._transport = transport
        self._received = bytearray()
        self.counts["connections"] += 1

    def data_received(self, data: bytes) -> None:
        """Answer every request that has arrived completely."""
        if not self._received:
            self._began = self._loop.time()
        self._received += data
        while (end := self._received.find(b"\r\n\r\n")) >= 0:
            head = bytes(self._received[:end]).decode("latin-1")
            length = _length(head)
            if len(self._received) < end + 4 + length:
                return
            del self._received[: end + 4 + length]
            path = head.split(" ", 2)[1]
            if path == "/__stats":
                self._write("200 OK", self._stats())
            elif self._seconds:
                self._loop.call_later(self._seconds, self._answer, path, length)
            else:
                self._answer(path, length)

    def _stats(self) -> bytes:
        stats = {**self.counts, "slowest": Sink.slowest}
        self.counts.update(dict.fromkeys(self.counts, 0))
        Sink.slowest = 0.0
        return json.dumps(stats).encode()

    def _answer(self, path: str, length: int) -> None:
        self.counts["requests"] += 1
        self.counts["body_bytes"] += length
        status, body = next(
            (it for prefix, it in ANSWERS if path.startswith(prefix)), NO_CONTENT_YET
        )
        self._write(status, body)
        Sink.slowest = max(Sink.slowest, self._loop.time() - self._began)

    def _write(self, status: str, body: bytes) -> None:
        head = (
            f"HTTP/1.1 {status}\r\nContent-Type: application/vnd.api+json\r\n"
            f"Content-Length: {len(body)}\r\n{LIMITS}\r\n"
        )
        self._transport.write(head.encode() + body)


def _length(head: str) -> int:
    _, found, rest = head.lower().partition("\r\ncontent-length:")
    return int(rest.split("\r\n", 1)[0]) if found else 0


async def main(seconds: float) -> None:
    """Serve on a free port until the process is ended."""
    loop = asyncio.get_running_loop()
    server = await loop.create_server(lambda: Sink(seconds), "127.0.0.1", 0)
    print(server.sockets[0].getsockname()[1], flush=True)
    await server.serve_forever()


if __name__ == "__main__":
    asyncio.run(main(float(sys.argv[1]) if sys.argv[1:] else 0.0))

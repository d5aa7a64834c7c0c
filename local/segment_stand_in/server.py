"""The workspace over HTTP, on loopback."""

import json
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import parse_qsl, urlsplit

from local.background import serving
from local.segment_stand_in.workspace import Workspace


@contextmanager
def serve(workspace: Workspace, port: int = 0) -> Iterator[str]:
    """Serve the workspace; yields the URL. Port 0 takes any free one."""

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def _answer(self) -> None:
            body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
            address = urlsplit(self.path)
            status, document = workspace.answer(
                self.command,
                address.path,
                dict(parse_qsl(address.query)),
                {name.lower(): text for name, text in self.headers.items()},
                body,
            )
            content = json.dumps(document).encode()
            self.send_response(status)
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", str(len(content)))
            if status == 429:
                self.send_header("Retry-After", "1")
            self.end_headers()
            self.wfile.write(content)

        do_GET = do_POST = do_PATCH = _answer  # noqa: N815 - as the library wants them

        def log_message(self, *_: object) -> None:
            """Nothing is logged."""

    server = ThreadingHTTPServer(("127.0.0.1", port), Handler)
    server.daemon_threads = True
    with serving(server) as url:
        yield url

"""The console over HTTP: the page's files, and the JSON that it asks for."""

import logging
import zlib
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from flask import Flask, Response, jsonify, request
from werkzeug.exceptions import HTTPException
from werkzeug.serving import WSGIRequestHandler, make_server

from handler.aws.environment import read_settings
from handler.decision import decide
from handler.door.validation import validate
from klaviyo_mapping import Dropped
from local import guard
from local.background import serving
from local.make_run.configuration import Configuration
from local.make_run.deployment import Deployment
from local.web_console.acting import routes as acting
from local.web_console.acting.redriving import Redriving
from local.web_console.acting.traffic import Traffic
from local.web_console.parts import Parts
from local.web_console.previewing import routes as previewing
from local.web_console.watching import routes as watching
from local.web_console.watching import story
from local.web_console.watching.journal import Journal
from local.web_console.watching.queues import Bookkeeper
from local.web_console.watching.watch import Watch

HOST = "127.0.0.1"

MAX_BYTES = 16 * 1024 * 1024
"""The largest request: Lambda's largest body, with a text's escapes and the settings."""

STATIC = Path(__file__).parent / "static"

FILE = "file of the page"
"""The endpoint of a file whose path holds the version: a browser keeps it, and asks for it once."""


@contextmanager
def serve(
    configuration: Configuration,
    deployment: Deployment,
    journal: Journal,
    variables: Mapping[str, str],
    command: str,
) -> Iterator[str]:
    """Serve the console on loopback; yields its URL. Raises `OSError` for a port in use.

    `variables` are the functions' environment variables, and `command` is how the command line is
    called for this run. The journal must get every request to the
    webhook.
    """
    with ExitStack() as stack:
        watch = stack.enter_context(Watch(journal, Bookkeeper(deployment.queues)))
        traffic = stack.enter_context(Traffic(deployment.webhook_url, configuration.shared_secret))
        journal.drop_reason = lambda message: _drop_reason(message, parts.variables)
        redriving = Redriving(deployment.queues)
        parts = Parts(
            configuration, deployment, variables, command, journal, watch, traffic, redriving
        )
        logging.getLogger("werkzeug").setLevel(logging.ERROR)
        server = make_server(
            HOST, configuration.console_port, application(parts), True, request_handler=_Quiet
        )
        yield stack.enter_context(serving(server))


def _drop_reason(message: Any, variables: Mapping[str, str]) -> str | None:
    """Why the functions drop a message that was not mapped yet; `None` if they do not."""
    decision = decide(validate(message), read_settings(variables), datetime.now(UTC))
    return decision.reason.value if isinstance(decision, Dropped) else None


class _Quiet(WSGIRequestHandler):
    def log_request(self, code: int | str = "-", size: int | str = "-") -> None:
        """Log nothing, because the page asks every second."""


def application(parts: Parts) -> Flask:
    """The WSGI application. Its port is the one at which requests arrive."""
    app = Flask(__name__, static_folder=str(STATIC), static_url_path="/static")
    app.config["MAX_CONTENT_LENGTH"] = MAX_BYTES
    app.json.sort_keys = False  # type: ignore[attr-defined]
    _guard(app)
    _pages(app)
    for routes in (previewing, watching, story, acting):
        routes.add(app, parts)
    return app


def _guard(app: Flask) -> None:
    @app.before_request
    def turn_away() -> tuple[Response, int] | None:
        port = int(request.environ["SERVER_PORT"])
        headers = request.headers
        if guard.is_welcome(
            headers.get("Host"), headers.get("Origin"), headers.get("Sec-Fetch-Site"), port=port
        ):
            return None
        return jsonify(error="This console answers only its own page."), 403

    @app.after_request
    def protect(response: Response) -> Response:
        response.headers.update(guard.HEADERS)
        if request.endpoint == FILE and response.status_code == 200:
            response.headers["Cache-Control"] = "private, max-age=86400, immutable"
        return response

    @app.errorhandler(ValueError)
    def say_what_is_wrong(error: ValueError) -> tuple[Response, int]:
        return jsonify(error=str(error)), 400

    @app.errorhandler(HTTPException)
    def say_so(error: HTTPException) -> tuple[Response, int]:
        return jsonify(error=error.description), error.code or 500


def _pages(app: Flask) -> None:
    @app.get("/")
    def page() -> Response:
        text = (STATIC / "index.html").read_text(encoding="utf-8")
        versioned = text.replace("/static/", f"/static/{version(STATIC)}/")
        return Response(versioned, mimetype="text/html")

    @app.get("/favicon.ico")
    def icon() -> Response:
        return app.send_static_file("icon.svg")

    @app.get("/static/<int:version>/<path:name>", endpoint=FILE)
    def file(name: str, **_: int) -> Response:
        return app.send_static_file(name)


def version(folder: Path) -> int:
    """A number that is another one once a file of the folder has changed."""
    files = sorted(path for path in folder.rglob("*") if path.is_file())
    states = [(str(path), path.stat().st_mtime_ns, path.stat().st_size) for path in files]
    return zlib.crc32(repr(states).encode())

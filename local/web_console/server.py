"""The console over HTTP: the page's files, and the JSON that it asks for."""

import logging
import threading
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from flask import Flask, Response, jsonify, request
from werkzeug.exceptions import HTTPException
from werkzeug.serving import WSGIRequestHandler, make_server

import preview
from local import guard
from local.configuration import Configuration
from local.deployment import Deployment
from local.web_console import settings, weather
from local.web_console.abridging import abridged
from local.web_console.examples import examples
from local.web_console.holdings import holdings
from local.web_console.journal import Journal
from local.web_console.queues import Bookkeeper, by_reason
from local.web_console.sending import post, renewed
from local.web_console.traffic import RATES, Traffic
from local.web_console.watch import Watch

HOST = "127.0.0.1"

MAX_BYTES = 16 * 1024 * 1024
"""Of a request: the largest body that Lambda takes, with a text's escapes and the settings."""

STATIC = Path(__file__).parent / "static"

SHOWN = 100
"""Messages, and dead letters, on the page."""

WRONG_SECRET = "not-the-shared-secret"


@dataclass(frozen=True, slots=True)
class Parts:
    """What the console looks at, and acts on."""

    configuration: Configuration
    deployment: Deployment
    variables: Mapping[str, str]
    journal: Journal
    bookkeeper: Bookkeeper
    watch: Watch
    traffic: Traffic


@contextmanager
def serve(
    configuration: Configuration,
    deployment: Deployment,
    journal: Journal,
    variables: Mapping[str, str],
) -> Iterator[str]:
    """Serve the console on loopback; gives its URL. Raises `OSError` for a port in use.

    `variables` are the environment variables that the functions run with. The journal has to be
    told of every request to the webhook.
    """
    with ExitStack() as stack:
        bookkeeper = Bookkeeper(deployment.queues, deployment.sqs)
        watch = stack.enter_context(Watch(journal, bookkeeper))
        traffic = stack.enter_context(Traffic(deployment.webhook_url, configuration.shared_secret))
        parts = Parts(configuration, deployment, variables, journal, bookkeeper, watch, traffic)
        logging.getLogger("werkzeug").setLevel(logging.ERROR)
        server = make_server(
            HOST, configuration.console_port, application(parts), True, request_handler=_Quiet
        )
        thread = threading.Thread(target=server.serve_forever, args=(0.05,), daemon=True)
        thread.start()
        try:
            yield f"http://{HOST}:{server.server_port}"
        finally:
            server.shutdown()
            server.server_close()
            thread.join()


class _Quiet(WSGIRequestHandler):
    def log_request(self, code: int | str = "-", size: int | str = "-") -> None:
        """Nothing: the page asks every second."""


def application(parts: Parts) -> Flask:
    """The WSGI application. Its port is the one that requests come in by."""
    app = Flask(__name__, static_folder=str(STATIC), static_url_path="/static")
    app.config["MAX_CONTENT_LENGTH"] = MAX_BYTES
    app.json.sort_keys = False  # type: ignore[attr-defined]
    _guard(app)
    _pages(app)
    _asking(app, parts)
    _acting(app, parts)
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
        return app.send_static_file("index.html")


def _asking(app: Flask, parts: Parts) -> None:
    """What changes nothing."""

    @app.get("/api/start")
    def start() -> Response:
        """What the page needs once."""
        return jsonify(
            examples=[asdict(example) for example in examples()],
            settings=[asdict(each) for each in settings.form(parts.variables)],
            advice={code: asdict(advice) for code, advice in preview.ADVICE.items()},
            moods=[
                {
                    "kind": mood.kind,
                    "title": mood.title,
                    "text": mood.text,
                    "parameter": mood.parameter,
                }
                for mood in weather.MOODS
            ],
            rates=RATES,
            has_stand_in=parts.deployment.account is not None,
            webhook_url=parts.deployment.webhook_url,
            klaviyo_url=parts.deployment.klaviyo_url,
            retry_hours=parts.variables.get("RETRY_HOURS", "").strip() or "24",
        )

    @app.post("/api/preview")
    def see() -> Response:
        """What a text would become. Sends nothing."""
        document = _document()
        chosen = settings.read(_texts(document.get("settings")))
        if isinstance(chosen, dict):
            return jsonify(settings=chosen)
        try:
            found = preview.explain(_text(document, "text"), chosen, datetime.now(UTC))
        except preview.Unreadable as error:
            return jsonify(
                error={
                    "code": error.code,
                    "detail": error.detail,
                    "line": error.line,
                    "column": error.column,
                    "offset": error.offset,
                }
            )
        told = preview.to_json(found)
        for message in told["messages"]:
            del message["operations"]
        return jsonify(preview=told)

    @app.get("/api/state")
    def state() -> Response:
        """How things stand."""
        books = parts.watch.look()
        account = parts.deployment.account
        waiting = books.waiting
        return jsonify(
            now=datetime.now(UTC).timestamp(),
            messages=[abridged(asdict(line)) for line in parts.journal.latest(SHOWN)],
            totals=parts.journal.totals(),
            waiting={
                "entries": len(waiting),
                "messages": len({entry.message_id for entry in waiting}),
                "since": min((entry.since for entry in waiting), default=None),
                "next_at": min((entry.next_at for entry in waiting), default=None),
                "attempts": max((entry.attempts for entry in waiting), default=0),
            },
            dead={
                "entries": len(books.dead),
                "by_reason": by_reason(books.dead),
                "letters": [asdict(letter) for letter in books.dead[: -SHOWN - 1 : -1]],
            },
            looks=[asdict(look) for look in parts.watch.looks],
            holdings=None if account is None else holdings(account),
            weather=None if account is None else weather.told(account.weather),
            per_second=parts.traffic.per_second,
        )

    @app.get("/api/sent/<int:exchange>")
    def follow(exchange: int) -> Response:
        """The messages of one request, and what has become of them by now."""
        parts.watch.look()
        lines = parts.journal.of_exchange(exchange)
        return jsonify(
            messages=[abridged(asdict(line)) for line in lines[:SHOWN]], number=len(lines)
        )


def _acting(app: Flask, parts: Parts) -> None:
    """What changes something."""

    @app.post("/api/send")
    def send() -> tuple[Response, int]:
        """Post a text to the webhook, through the real handler."""
        document = _document()
        text = _text(document, "text")
        if document.get("renew") is True:
            text = renewed(text)
        is_stranger = document.get("wrong_secret") is True
        secret = WRONG_SECRET if is_stranger else parts.configuration.shared_secret
        try:
            sent = post(text, parts.deployment.webhook_url, secret)
        except OSError as error:
            return jsonify(error=f"The webhook did not answer: {type(error).__name__}."), 502
        return jsonify(
            status=sent.status,
            answer=sent.answer,
            seconds=sent.seconds,
            exchange=parts.journal.exchange_of(sent.body),
        ), 200

    @app.post("/api/redrive")
    def redrive() -> Response:
        """Move all dead letters back to the retry queue."""
        return jsonify(moved=parts.bookkeeper.redrive())

    @app.post("/api/weather")
    def set_weather() -> Response:
        """Change the stand-in's weather."""
        account = parts.deployment.account
        if account is None:
            raise ValueError("This is the real Klaviyo, which has a weather of its own.")
        account.set_weather(*weather.read(_document()))
        return jsonify(weather=weather.told(account.weather))

    @app.post("/api/traffic")
    def set_traffic() -> Response:
        """Send made-up messages, so many a second."""
        if parts.deployment.account is None:
            raise ValueError("Made-up people are not sent to a real Klaviyo account.")
        per_second = _document().get("per_second")
        if isinstance(per_second, bool) or not isinstance(per_second, int):
            raise ValueError("per_second: expected a whole number")
        parts.traffic.set(per_second)
        return jsonify(per_second=per_second)


def _document() -> dict[str, Any]:
    document = request.get_json()
    if not isinstance(document, dict):
        raise ValueError("expected a JSON object")
    return document


def _text(document: Mapping[str, Any], name: str) -> str:
    value = document.get(name)
    if not isinstance(value, str):
        raise ValueError(f"{name}: expected a text")
    return value


def _texts(value: Any) -> dict[str, str]:
    if not isinstance(value, dict) or not all(isinstance(each, str) for each in value.values()):
        raise ValueError("settings: expected an object of texts")
    return value

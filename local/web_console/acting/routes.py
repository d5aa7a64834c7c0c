"""The page's requests that change something."""

from collections.abc import Mapping
from typing import Any

from flask import Flask, Response, jsonify

from cli.troubles import Trouble
from klaviyo_mapping import Settings
from klaviyo_mapping.settings.declaration import declared
from local.web_console import parts as asked
from local.web_console.acting import weather
from local.web_console.acting.posting import post, renewed
from local.web_console.acting.redriving import Wrong, corrected, try_now
from local.web_console.parts import Parts
from local.web_console.previewing import settings

WRONG_SECRET = "not-the-shared-secret"


def add(app: Flask, parts: Parts) -> None:
    """Add them to the application."""
    _sending(app, parts)
    _queues(app, parts)
    _running(app, parts)
    _klaviyo(app, parts)


def _sending(app: Flask, parts: Parts) -> None:
    @app.post("/api/send")
    def send() -> tuple[Response, int]:
        """Post a text to the webhook, through the real handler."""
        document = asked.document()
        text = asked.text_of(document, "text")
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


def _queues(app: Flask, parts: Parts) -> None:
    @app.post("/api/redrive")
    def redrive() -> tuple[Response, int]:
        """Move dead letters back to the retry queue: all, those of `keys`, or one of `key` with
        `text` in place of its content."""
        try:
            return jsonify(moved=_redriven(asked.document(), parts)), 200
        except Wrong as wrong:
            return jsonify(wrong=str(wrong)), 200
        except Trouble as error:
            return jsonify(error=str(error)), 502

    @app.post("/api/try-now")
    def hurry() -> Response:
        """Let everything that waits be tried at once."""
        return jsonify(hurried=try_now(parts.deployment.queues))


def _redriven(document: Mapping[str, Any], parts: Parts) -> int:
    """How many entries were moved."""
    redriving, keys = parts.redriving, document.get("keys")
    if "text" in document:
        letter = parts.watch.letter(asked.text_of(document, "key"))
        text = asked.text_of(document, "text")
        if letter is None:
            return 0
        entry = corrected(letter.entry, text)
        parts.journal.take_entry(entry)
        return redriving.instead(letter.key, entry)
    if keys is None:
        entries = len(parts.watch.look().dead)
        return entries if redriving.all() else 0
    if not isinstance(keys, list) or not all(isinstance(key, str) for key in keys):
        raise ValueError("keys: expected a list of texts")
    return redriving.some(keys)


def _running(app: Flask, parts: Parts) -> None:
    @app.post("/api/settings")
    def use() -> tuple[Response, int]:
        """Use these settings for the functions from now on."""
        texts = asked.texts_of(asked.document().get("settings"))
        chosen = settings.read(texts)
        if isinstance(chosen, dict):
            return jsonify(settings=chosen), 200
        names = [each.variable for each in declared(Settings)]
        used = {name: texts.get(name, "").strip() for name in names}
        used["RULES_FILE"] = ""
        parts.deployment.configure(used)
        parts.variables = {**parts.variables, **used}
        return jsonify(used=len(used)), 200


def _klaviyo(app: Flask, parts: Parts) -> None:
    @app.post("/api/weather")
    def set_weather() -> Response:
        """Change the stand-in's weather."""
        account = parts.deployment.account
        if account is None:
            raise ValueError("This is the real Klaviyo, which has a weather of its own.")
        account.set_weather(*weather.read(asked.document()))
        return jsonify(weather=weather.to_json(account.weather))

    @app.post("/api/traffic")
    def set_traffic() -> Response:
        """Send so many made-up messages a second."""
        if parts.deployment.account is None:
            raise ValueError("Made-up people are not sent to a real Klaviyo account.")
        per_second = asked.document().get("per_second")
        if isinstance(per_second, bool) or not isinstance(per_second, int):
            raise ValueError("per_second: expected a whole number")
        parts.traffic.set(per_second)
        return jsonify(per_second=per_second)

"""The page's requests for previews. They change nothing."""

from collections.abc import Mapping
from dataclasses import asdict
from typing import Any

from flask import Flask, Response, jsonify

import preview
from local.make_run.place import aimed
from local.web_console import parts as asked
from local.web_console.acting import weather
from local.web_console.acting.traffic import RATES
from local.web_console.parts import Parts
from local.web_console.previewing import settings
from local.web_console.previewing.computing import Computed, Superseded
from local.web_console.previewing.examples import examples
from local.web_console.previewing.exporting import exported
from local.web_console.previewing.paging import page_of


def add(app: Flask, parts: Parts) -> None:
    """Add them to the application."""

    @app.get("/api/start")
    def start() -> Response:
        """What the page needs once, at the start."""
        return jsonify(
            examples=[asdict(example) for example in examples()],
            settings=[asdict(each) for each in settings.form(parts.variables)],
            advice={
                code: {**asdict(advice), "remedy": aimed(advice.remedy, parts.command)}
                for code, advice in preview.ADVICE.items()
            },
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
    def see() -> tuple[Response, int]:
        """A part of a text's preview. Sends nothing."""
        document = asked.document()
        texts = asked.texts_of(document.get("settings"))
        chosen = settings.read(texts)
        if isinstance(chosen, dict):
            return jsonify(settings=chosen), 200
        copies = asdict(exported(texts))
        try:
            computed = _computed(document, parts)
        except preview.UnreadableText as error:
            return jsonify(error=_as_json(error), copies=copies), 200
        page = page_of(
            computed.preview,
            asked.number_of(document, "first_message", 0),
            asked.number_of(document, "first_request", 0),
        )
        for message in page["messages"]:
            for advice in filter(None, (*message["warnings"], message["reason"])):
                advice["remedy"] = aimed(advice["remedy"], parts.command)
            message["offers"] = [
                preview.offer_to_json(offer) for offer in computed.offers(message["number"])
            ]
        return jsonify(preview=page, copies=copies), 200

    @app.post("/api/preview/body")
    def body() -> Response:
        """The whole body of one request, by its number."""
        document = asked.document()
        number = asked.number_of(document, "request", 0)
        requests = _computed(document, parts).preview.requests
        if not 1 <= number <= len(requests):
            raise ValueError("request: there is none of this number")
        return jsonify(body=requests[number - 1].body)

    @app.errorhandler(Superseded)
    def give_up(_: Superseded) -> Response:
        return jsonify(is_superseded=True)


def _computed(document: Mapping[str, Any], parts: Parts) -> Computed:
    texts = asked.texts_of(document.get("settings"))
    chosen = settings.read(texts)
    if isinstance(chosen, dict):
        raise ValueError("settings: cannot be read")
    page = document.get("page")
    return parts.previews.of(
        asked.text_of(document, "text"),
        texts,
        chosen,
        page if isinstance(page, str) else "",
        asked.number_of(document, "input", 0),
    )


def _as_json(error: preview.UnreadableText) -> dict[str, Any]:
    return {
        "code": error.code,
        "detail": error.detail,
        "line": error.line,
        "column": error.column,
        "offset": error.offset,
    }

"""The page's requests for the current state. They change nothing."""

from dataclasses import asdict, replace
from datetime import UTC, datetime
from typing import Any

from flask import Flask, Response, jsonify, request

from klaviyo_mapping import canonical
from local.web_console.acting import weather
from local.web_console.parts import Parts
from local.web_console.watching.abridging import abridged
from local.web_console.watching.fates import who_of
from local.web_console.watching.holdings import counts, holdings, people
from local.web_console.watching.queues import Dead, by_reason

SHOWN = 50
"""Entries on one page."""


def add(app: Flask, parts: Parts) -> None:
    """Add them to the application."""

    @app.get("/api/state")
    def state() -> Response:
        """The current state in numbers. Every panel asks for it every second."""
        contents = parts.watch.look()
        account = parts.deployment.account
        waiting = contents.waiting
        return jsonify(
            now=datetime.now(UTC).timestamp(),
            totals=parts.journal.totals(),
            number=parts.journal.number,
            waiting={
                "entries": len(waiting),
                "messages": len({each for entry in waiting for each in entry.message_ids}),
                "since": min((entry.since for entry in waiting), default=None),
                "next_at": min((entry.next_at for entry in waiting), default=None),
                "last_at": max((entry.next_at for entry in waiting), default=None),
                "attempts": max((entry.attempts for entry in waiting), default=0),
            },
            dead={"entries": len(contents.dead), "by_reason": by_reason(contents.dead)},
            looks=[asdict(look) for look in parts.watch.looks],
            holdings=None if account is None else counts(account),
            people=[] if account is None else people(account),
            weather=None if account is None else weather.to_json(account.weather),
            per_second=parts.traffic.per_second,
        )

    @app.get("/api/messages")
    def messages() -> Response:
        """Some of the messages that arrived, the newest first."""
        given = request.args
        found = parts.journal.find(
            given.get("find", ""),
            given.get("outcome", ""),
            SHOWN,
            given.get("before", type=int),
        )
        return jsonify(
            messages=[abridged(asdict(line)) for line in found.lines], number=found.number
        )

    @app.get("/api/waiting")
    def waiting() -> Response:
        """The entries that are tried next, in order of time, and why they wait."""
        entries = sorted(parts.watch.look().waiting, key=lambda entry: entry.next_at)
        shown = [
            {**asdict(replace(entry, message=None)), "reason": parts.journal.reason_of(entry)}
            for entry in entries[:SHOWN]
        ]
        return jsonify(entries=shown, number=len(entries))

    @app.get("/api/dead")
    def dead() -> Response:
        """Some of the dead letters, the newest first."""
        first = request.args.get("first", 0, type=int)
        wanted = request.args.get("find", "").strip().casefold()
        letters = [each for each in parts.watch.look().dead[::-1] if _holds(each, wanted)]
        return jsonify(
            letters=[_letter(each) for each in letters[first : first + SHOWN]],
            number=len(letters),
        )

    @app.get("/api/dead/<key>")
    def dead_letter(key: str) -> tuple[Response, int]:
        """One dead letter, whole."""
        letter = parts.watch.letter(key)
        if letter is None:
            return jsonify(error="It is no longer in the dead-letter queue."), 404
        return jsonify(content=letter.content(), document=letter.document()), 200

    @app.get("/api/holdings/<kind>")
    def held(kind: str) -> Response:
        """Some of what Klaviyo holds of one kind, the newest first."""
        account = parts.deployment.account
        if account is None:
            raise ValueError("This is the real Klaviyo: look there.")
        first = request.args.get("first", 0, type=int)
        return jsonify(holdings(account, kind, request.args.get("find", ""), first, SHOWN))

    @app.get("/api/sent/<int:exchange>")
    def follow(exchange: int) -> Response:
        """The messages of one request, and their current fates."""
        parts.watch.look()
        lines = parts.journal.of_exchange(exchange)
        return jsonify(
            messages=[abridged(asdict(line)) for line in lines[:SHOWN]], number=len(lines)
        )


def _letter(letter: Dead) -> dict[str, Any]:
    entry = letter.entry
    operation: Any = entry.operation
    message = entry.message if isinstance(entry.message, dict) else {}
    name = getattr(operation, "metric", None) or message.get("event")
    identity = getattr(operation, "identity", None)
    who = getattr(operation, "email", None) or who_of(canonical(message))
    if identity is not None:
        who = next(iter(identity.attributes().values()), None)
    found: dict[str, Any] = abridged(
        {
            "key": letter.key,
            "message_id": letter.message_id,
            "kind": letter.kind,
            "name": name if isinstance(name, str) else None,
            "who": who if isinstance(who, str) else None,
            "since": letter.since,
            "reason": dict(letter.reason),
            "is_editable": entry.unreadable is None,
        }
    )
    return found


def _holds(letter: Dead, wanted: str) -> bool:
    if not wanted:
        return True
    document = _letter(letter)
    texts = (document["message_id"], document["kind"], document["name"], document["who"])
    codes = (letter.reason.get("code"), letter.reason.get("klaviyo_code"))
    return any(isinstance(each, str) and wanted in each.casefold() for each in (*texts, *codes))

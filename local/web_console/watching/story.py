"""What the ledger knows of one message, as `klaviyo-destination trace` shows it."""

from flask import Flask, Response, jsonify, request

from handler.aws.dynamodb import DynamoDb
from handler.report.message_ids import shown_id
from ledger.allowance import Allowance
from ledger.stories import document_of, read_story
from ledger.table import Table
from local.web_console.parts import Parts

PATIENCE_SECONDS = 5.0
"""How long to wait for the ledger's answer."""

KEEP_SECONDS = 86_400.0
"""How long new items are kept. Nothing is written here."""


def add(app: Flask, parts: Parts) -> None:
    """Add it to the application."""
    table = Table(parts.deployment.ledger_table, DynamoDb().call, KEEP_SECONDS)

    @app.get("/api/story")
    def story_of() -> Response:
        """The message's attempts; `null` if the ledger does not know it."""
        message_id = str(shown_id(request.args.get("message_id", "")))
        found = read_story(table, message_id, Allowance(PATIENCE_SECONDS))
        return jsonify(story=None if found is None else document_of(found))

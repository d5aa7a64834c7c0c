"""DynamoDB, as the ledger calls it. Imported only when the ledger is on.

A large call of a function sends dozens of requests within a quarter of a second, so each is signed
and sent here: boto3 takes 0.7 ms of the processor for what takes 0.03 ms
(docs/decisions/0022-ledger-requests-are-signed-here.md).
"""

import time
from collections.abc import Iterable, Iterator
from typing import Any

from msgspec.json import encode

from handler.aws.json_api import JsonApi, NotSetUpError, document_of, error_code
from handler.aws.side_by_side import Outgoing, SideBySide
from klaviyo_client.sending.bounded_http import HttpAnswer, NoAnswerError
from ledger.calls import Asked, TableError

CONNECTIONS = 20
"""Requests under way at once: a large call sends its reads, or its transactions, side by side."""

MOST_BYTES = 17_000_000
"""Of an answer. DynamoDB gives 16 MB at most."""

NOTHING = b"{}"
"""The answer to a request that asks for no data."""


class DynamoDb:
    """The service, for one process. Safe to use from several threads."""

    def __init__(self) -> None:
        self._api: JsonApi | None = None
        self._side_by_side: SideBySide | None = None

    def call(
        self, asked: Iterable[Asked], seconds: float
    ) -> Iterator[tuple[int, dict[str, Any] | TableError]]:
        """DynamoDB's answers to operations that are sent side by side, each with the operation's
        number, as they come; all within `seconds`. Raises `TableError` if nothing can be sent."""
        until = time.monotonic() + seconds
        try:
            api = self._api or JsonApi(
                "dynamodb",
                "DynamoDB_20120810",
                version="1.0",
                # Two threads may send at once, and each keeps its connections.
                connections=2 * CONNECTIONS,
            )
            keys = api.keys(seconds / 2)
        except (NoAnswerError, NotSetUpError) as error:
            raise _unanswered(error) from None
        if self._side_by_side is None:
            self._api, self._side_by_side = api, SideBySide(api.http, CONNECTIONS)
        bodies = ((operation, encode(document)) for operation, document in asked)
        outgoing = (
            Outgoing("POST", "/", body, api.headers(operation, body, keys))
            for operation, body in bodies
        )
        replies = self._side_by_side.send(outgoing, until - time.monotonic(), MOST_BYTES)
        for number, reply in replies:
            yield number, _found(reply) if isinstance(reply, HttpAnswer) else _unanswered(reply)


def _unanswered(error: NoAnswerError | NotSetUpError) -> TableError:
    return TableError(type(error).__name__.removesuffix("Error"))


def _found(answer: HttpAnswer) -> dict[str, Any] | TableError:
    found = document_of(answer)
    if answer.status != 200:
        return TableError(error_code(answer), found)
    if not found and answer.content.strip() != NOTHING:
        return TableError("answer_is_not_of_dynamodb")
    return found

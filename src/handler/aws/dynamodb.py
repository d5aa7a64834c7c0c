"""DynamoDB, as the ledger calls it. Imported only when the ledger is on.

A large call of a function sends dozens of requests within a quarter of a second, so each is signed
and sent here: boto3 takes 0.7 ms of the processor for what takes 0.03 ms
(docs/decisions/0022-ledger-requests-are-signed-here.md).
"""

from typing import Any

from msgspec.json import encode

from handler.aws.json_api import JsonApi, NotSetUpError, document_of, error_code
from klaviyo_client.sending.bounded_http import NoAnswerError
from ledger.calls import THREADS, TableError

MOST_BYTES = 17_000_000
"""Of an answer. DynamoDB gives 16 MB at most."""

NOTHING = b"{}"
"""The answer to a request that asks for no data."""


class DynamoDb:
    """The service, for one process. Safe to use from several threads."""

    def __init__(self) -> None:
        self._api: JsonApi | None = None

    def call(self, operation: str, document: dict[str, Any], seconds: float) -> dict[str, Any]:
        """DynamoDB's answer within `seconds`. Raises `TableError`."""
        try:
            if self._api is None:
                self._api = JsonApi(
                    "dynamodb", "DynamoDB_20120810", version="1.0", connections=THREADS
                )
            answer = self._api.send(operation, encode(document), seconds, MOST_BYTES)
        except (NoAnswerError, NotSetUpError) as error:
            raise TableError(type(error).__name__.removesuffix("Error")) from None
        found = document_of(answer)
        if answer.status != 200:
            raise TableError(error_code(answer), found)
        if not found and answer.content.strip() != NOTHING:
            raise TableError("answer_is_not_of_dynamodb")
        return found

"""The retry queue and the dead-letter queue, over SQS."""

import time
from collections.abc import Iterable
from typing import TYPE_CHECKING

from handler.envelope import Entry, EntryTooLargeError, pack

if TYPE_CHECKING:
    from mypy_boto3_sqs.client import SQSClient

LONGEST_DELAY = 900
"""Seconds. SQS delays a message no longer; an entry's `not_before` goes beyond."""


PATIENT_SECONDS = 60.0
"""For who has all the time in the world: a command on somebody's machine."""


class QueueUnavailable(Exception):  # noqa: N818 - a state of ours, answered with a 503
    """Something could not be put on a queue; the text is an error code, and no content."""


class Queue:
    """One SQS queue. The client is made when it is first needed."""

    def __init__(self, url: str) -> None:
        self._url = url
        self._client: SQSClient | None = None

    def send(
        self, entries: Iterable[Entry], delay: int = 0, *, seconds: float = PATIENT_SECONDS
    ) -> int:
        """Put the entries on the queue within `seconds`, to be seen after `delay` seconds; returns
        how many SQS messages that took.

        Raises `QueueUnavailable` unless all are safely there. Some may then be there all the same:
        who sends again may repeat entries, never lose one.
        """
        sent = 0
        until = time.monotonic() + seconds
        try:
            for body in pack(entries):
                if time.monotonic() >= until:
                    raise QueueUnavailable("no_time_left")
                self._send(body, min(delay, LONGEST_DELAY))
                sent += 1
        except EntryTooLargeError:
            raise QueueUnavailable("entry_too_large") from None
        return sent

    def _send(self, body: str, delay: int) -> None:
        from botocore.exceptions import BotoCoreError, ClientError

        try:
            if self._client is None:
                self._client = _client()
            self._client.send_message(QueueUrl=self._url, MessageBody=body, DelaySeconds=delay)
        except ClientError as error:
            code = error.response.get("Error", {}).get("Code", "unknown")
            raise QueueUnavailable(str(code)) from None
        except BotoCoreError as error:
            raise QueueUnavailable(type(error).__name__) from None


def _client() -> "SQSClient":
    import boto3
    from botocore.config import Config

    config = Config(connect_timeout=1, read_timeout=2, retries={"total_max_attempts": 2})
    return boto3.client("sqs", config=config)

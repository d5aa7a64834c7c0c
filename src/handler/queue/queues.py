"""The retry queue and the dead-letter queue, over SQS."""

import time
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from hashlib import md5

from handler.queue.envelope import Entry, Packer
from handler.queue.sqs import Sqs

LONGEST_DELAY = 900
"""Seconds. SQS delays a message no longer; an entry's `not_before` goes beyond."""

PATIENT_SECONDS = 60.0
"""Seconds for a command on somebody's machine, which is in no hurry."""


REPEAT_AFTER = 0.1
"""Seconds until what SQS itself has turned down is sent once more."""

MOST_REFUSALS = 3
"""Of SQS in a row. Then it is not asked again in this call."""


class QueueUnavailable(Exception):  # noqa: N818 - a state of ours, answered with a 503
    """Not everything is on the queue; the text is an error code, and no content.

    `unsent` are the entries that are not known to be there.
    """

    def __init__(self, code: str, unsent: Sequence[Entry] = ()) -> None:
        super().__init__(code)
        self.unsent = unsent


class _TurnedDown(Exception):  # noqa: N818 - caught below
    """SQS has answered and did not accept the message."""


class _Silent(Exception):  # noqa: N818 - caught below
    """SQS did not answer in time."""


@dataclass(frozen=True, slots=True)
class Receipt:
    """The SQS messages that were accepted, and the entries that no SQS message can hold."""

    messages: int
    unfit: Sequence[Entry] = ()


class Queue:
    """One SQS queue. Those of one process share their `sqs`."""

    def __init__(self, url: str, sqs: Sqs | None = None) -> None:
        self._url = url
        self._sqs = sqs or Sqs()

    def send(
        self, entries: Iterable[Entry], delay: int = 0, *, seconds: float = PATIENT_SECONDS
    ) -> Receipt:
        """Put the entries on the queue within `seconds`, to be seen after `delay` seconds.

        Raises `QueueUnavailable` unless all that fit are safely there. Entries that it names may be
        there nevertheless: sending them again may repeat some, but never loses one. After a
        failure, no entry is sent whose SQS message or call is repeated anyway.
        """
        until = time.monotonic() + seconds
        packer = Packer()
        sent = refusals = 0
        unsent: list[Entry] = []
        again: set[str | None] = set()
        code = ""
        for envelope in packer.pack(entries):
            is_new = any(entry.record not in again for entry in envelope.entries)
            if refusals < MOST_REFUSALS and is_new:
                try:
                    self._deliver(envelope.text, min(delay, LONGEST_DELAY), until)
                except _TurnedDown as error:
                    refusals, code = refusals + 1, str(error)
                except _Silent as error:
                    refusals, code = MOST_REFUSALS, str(error)
                else:
                    sent, refusals = sent + 1, 0
                    continue
            unsent += envelope.entries
            again.update(entry.record for entry in envelope.entries)
        if unsent:
            raise QueueUnavailable(code, [*unsent, *packer.unfit])
        return Receipt(sent, packer.unfit)

    def _deliver(self, body: str, delay: int, until: float) -> None:
        """Send one message; what SQS turns down, once more."""
        if time.monotonic() >= until:
            raise _Silent("no_time_left")
        try:
            self._send(body, delay, until)
        except _TurnedDown:
            if time.monotonic() + REPEAT_AFTER >= until:
                raise
            time.sleep(REPEAT_AFTER)
            self._send(body, delay, until)

    def _send(self, body: str, delay: int, until: float) -> None:
        from botocore.exceptions import BotoCoreError, ClientError

        try:
            answer = self._sqs.send_message(self._url, body, delay, until - time.monotonic())
        except ClientError as error:
            raise _TurnedDown(str(error.response.get("Error", {}).get("Code", "unknown"))) from None
        except BotoCoreError as error:
            raise _Silent(type(error).__name__) from None
        # Something else answered, such as a proxy, and stored nothing.
        digest = md5(body.encode(), usedforsecurity=False).hexdigest()
        if not answer.get("MessageId") or answer.get("MD5OfMessageBody") != digest:
            raise _TurnedDown("answer_is_not_of_sqs")

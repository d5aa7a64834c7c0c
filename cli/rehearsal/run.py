"""One rehearsal: nobody is there, the messages go out twice, Klaviyo is read, the person goes.

Nobody else is touched: it begins only when nobody in Klaviyo has the address, and what it deletes
is the profile that then came to be. The deletion is asked for however the rehearsal ends.
"""

import json
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from cli.klaviyo.account import Resource
from cli.rehearsal.messages import MARK
from cli.rehearsal.promise import Promise
from cli.rehearsal.reality import Witness
from cli.rehearsal.row_by_row import Row, compare
from cli.segment.webhook import Webhook
from cli.troubles import Misuse, Trouble

LOOK_SECONDS = 2.0
"""Between two looks at Klaviyo."""

QUIET_LOOKS = 2
"""So often must Klaviyo show the same before it counts: a second copy of an event may come late."""


@dataclass(frozen=True, slots=True)
class RehearsalResult:
    """How it ended. `is_gone` says whether Klaviyo shows the person no more."""

    rows: Sequence[Row]
    is_gone: bool

    @property
    def holds(self) -> bool:
        """Whether every promise was kept."""
        return bool(self.rows) and all(row.holds for row in self.rows)


class Rehearsal:
    """Of one address. `seconds` is how long to wait for Klaviyo, and then for the deletion;
    `deletes_later` is the command that deletes what a rehearsal has left."""

    def __init__(
        self,
        webhook: Webhook,
        witness: Witness,
        seconds: float,
        say: Callable[[str], None],
        deletes_later: str,
        sleep: Callable[[float], None] = time.sleep,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._webhook = webhook
        self._witness = witness
        self._seconds = seconds
        self._say = say
        self._deletes_later = deletes_later
        self._sleep = sleep
        self._clock = clock
        self._queued = 0

    def require_nobody(self) -> None:
        """Raise `Misuse` when somebody in Klaviyo has the address."""
        found = self._witness.person()
        if found is None:
            return
        if is_made_up(found):
            raise Misuse(
                f"the person of an earlier rehearsal is still in Klaviyo: {self._deletes_later}"
            )
        raise Misuse(
            "somebody in Klaviyo has this address: name one that nobody has, such as "
            "you+rehearsal@your-company.com"
        )

    def carry_out(
        self,
        messages: Sequence[Mapping[str, Any]],
        promise: Promise,
        deletion: Mapping[str, Any] | None = None,
    ) -> RehearsalResult:
        """Send, wait, compare, delete. Raises `Trouble` when the webhook does not accept them.

        The `deletion` is sent once nobody is there any more: a destination that forwards deletions
        then forgets whom it has subscribed.
        """
        rows: list[Row] = []
        is_gone = False
        try:
            for turn in ("Sent", "Sent again"):
                self._send(messages, turn)
            rows = self._wait_for(promise)
        finally:
            if self._queued and not (rows and all(row.holds for row in rows)):
                self._say(
                    "Something waits in the retry queue, and may make the person anew. Once the "
                    f"queue is empty: {self._deletes_later}"
                )
            try:
                is_gone = self.clean_up()
            except Trouble as trouble:
                # What has ended the rehearsal is the news; this is said beside it.
                self._say(f"The person is not deleted: {trouble}. Later: {self._deletes_later}")
        if is_gone and deletion is not None:
            self._send([deletion], "The deletion")
        return RehearsalResult(rows, is_gone)

    def clean_up(self) -> bool:
        """Have the person deleted, and wait until Klaviyo shows nobody; whether it does."""
        until = self._clock() + self._seconds
        asked: set[str] = set()
        absent = 0
        self._say("Asking Klaviyo to delete the person …")
        while True:
            person = self._witness.person()
            absent = absent + 1 if person is None else 0
            if person is not None and person.id not in asked:
                self._witness.delete(person.id)
                asked.add(person.id)
            if absent > QUIET_LOOKS:
                return True
            if self._clock() > until:
                return False
            self._sleep(LOOK_SECONDS)

    def _send(self, messages: Sequence[Mapping[str, Any]], turn: str) -> None:
        body = json.dumps(list(messages), separators=(",", ":")).encode()
        answer = self._webhook.post(body)
        self._say(f"{turn}: {answer.status}, {answer.in_words()}.")
        self._queued += answer.count("queued")
        if not answer.is_accepted:
            raise Trouble(
                f"the webhook answered {answer.status}: {answer.in_words()}; see docs/operating.md"
            )

    def _wait_for(self, promise: Promise) -> list[Row]:
        """What Klaviyo holds, once it holds what was promised, or when the time is up."""
        until = self._clock() + self._seconds
        lists = [*promise.joins, *(each for each in promise.subscribes if each is not None)]
        self._say("Reading it back from Klaviyo …")
        same = 0
        while True:
            rows = compare(promise, self._witness.look(lists))
            same = same + 1 if all(row.holds for row in rows) else 0
            if same > QUIET_LOOKS or self._clock() > until:
                return rows
            self._sleep(LOOK_SECONDS)


def is_made_up(person: Resource) -> bool:
    """Whether a rehearsal made this profile."""
    properties = person.attributes.get("properties")
    return isinstance(properties, dict) and str(properties.get(MARK, "")).startswith("rehearsal-")

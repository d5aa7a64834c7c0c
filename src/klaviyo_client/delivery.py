"""A Klaviyo account: carries out operations, within the time left, and accounts for all.

`deliver` returns when the deadline has passed, with an outcome for every operation. What was not
answered by then is retryable. Each operation can be repeated without harm, so it does not matter
whether Klaviyo has received it; but for an unsubscription from a list, which comes again only once
Klaviyo surely shows whether it was carried out (`recent_consents`).
"""

import time
from collections.abc import Callable, Sequence
from operator import is_

from klaviyo_client.api.outcomes import Retryable, RetryReason
from klaviyo_client.one_delivery import OneDelivery
from klaviyo_client.people.newest import ONCE_SECONDS
from klaviyo_client.people.persons import SHARED_BY_SEVERAL, Key
from klaviyo_client.people.sequence import holds_back
from klaviyo_client.people.waiting import LatestRetry, WaitingPersons
from klaviyo_client.planning.lists import KnownLists
from klaviyo_client.planning.recent_consents import RecentConsents
from klaviyo_client.planning.upserts import Rounds, plan_profiles
from klaviyo_client.results import Delivery
from klaviyo_client.sending.sender import LONGEST_SECONDS, WORKERS, Sender, Transport
from klaviyo_client.sending.shared import Barometer
from klaviyo_client.sending.transport import HttpTransport
from operations import Operation, Unsubscribe, UpsertProfile


class Klaviyo:
    """A Klaviyo account, for one process. One `deliver` at a time.

    `patience` is how many seconds a pause of Klaviyo's is waited out here; an operation that has to
    wait longer is returned untried. `probe_seconds` is what a probe of an open circuit may take.
    `share` is what this process may use of Klaviyo's limits, which hold for all processes together.
    For `remember_seconds` after an upsert has failed, later ones of its person are returned untried
    as well, so that they do not overtake it on its way through a queue: to be retried after
    `latest_retry` of the delay that Klaviyo named, in seconds. Consents that were changed are
    remembered for `once_seconds`. `clock` never goes back, `wall` gives Unix seconds.
    """

    def __init__(
        self,
        api_url: str,
        *,
        patience: float = 0.0,
        probe_seconds: float = LONGEST_SECONDS,
        share: float = 1.0,
        remember_seconds: float = 0.0,
        latest_retry: LatestRetry = lambda named: named,
        once_seconds: float = ONCE_SECONDS,
        transport: Transport | None = None,
        clock: Callable[[], float] = time.monotonic,
        sleep: Callable[[float], None] = time.sleep,
        wall: Callable[[], float] = time.time,
    ) -> None:
        self.clock = clock
        self._waiting = WaitingPersons(remember_seconds, latest_retry)
        self._lists = KnownLists()
        self._recent = RecentConsents(once_seconds)
        self._planned: tuple[Sequence[Operation], Rounds] = ((), ())
        self._sender = Sender(
            transport or HttpTransport(api_url, WORKERS),
            patience=patience,
            probe_seconds=probe_seconds,
            share=share,
            clock=clock,
            sleep=sleep,
            wall=wall,
        )

    def deliver(
        self,
        operations: Sequence[Operation],
        private_key: str,
        seconds: float,
        attempts: Sequence[int] = (),
    ) -> Delivery:
        """Carry the operations out within `seconds`, and say what became of each.

        `attempts` says how often each has failed; without it, none has.
        """
        waiting = self._waiting.at(self.clock())
        run = OneDelivery(
            self._sender,
            self._lists,
            operations,
            private_key,
            seconds,
            waiting,
            attempts,
            self._recent,
            self._plan_of(operations),
        )
        try:
            delivery = run.carry_out()
        finally:
            self._sender.meanwhile.clear()
            self._recent.end_excuses()
        self._waiting.remember(_failed(delivery), self.clock())
        return delivery

    def plan(self, upserts: Sequence[UpsertProfile]) -> None:
        """Plan the next delivery ahead of its time. If other operations are delivered then, or
        these in other forms, the plan is dropped. Raises what cannot be planned."""
        self._planned = upserts, plan_profiles(upserts, range(len(upserts)))

    def _plan_of(self, operations: Sequence[Operation]) -> Rounds:
        """What was planned of exactly these."""
        (planned, rounds), self._planned = self._planned, ((), ())
        is_same = len(planned) == len(operations) and all(map(is_, planned, operations))
        return rounds if is_same else ()

    def meanwhile(self, work: Callable[[], object]) -> None:
        """Have this done in another thread while Klaviyo answers the next delivery's first request;
        not at all, if none is sent. What was said last is done first."""
        self._sender.meanwhile.appendleft(work)

    def share(self, barometer: Barometer) -> None:
        """From here on, exchange with other processes what is known of Klaviyo."""
        self._sender.gate.barometer = barometer

    def may_have_left(self, operation: Unsubscribe) -> bool:
        """Whether a list unsubscription of the same person was sent a while ago and not answered:
        nobody knows whether Klaviyo carries it out."""
        return self._recent.is_uncertain(operation, self.clock())

    def note_leaving(self, operation: Unsubscribe) -> None:
        """Some process may have sent this list unsubscription a short time ago, and nobody knows
        whether Klaviyo has taken it: it waits until Klaviyo surely shows that."""
        self._recent.note_leaving(operation, self.clock())

    def note_withdrawal(self, channel: str, key: Key, said: float, until: float) -> None:
        """Some process has withdrawn this consent, as was `said` then; what Klaviyo dates `until`
        then counts as this withdrawal. Both are Unix seconds."""
        self._recent.note_withdrawal(channel, key, said, until, self.clock())

    def note_deletion(self, key: Key, said: float) -> None:
        """Another process has deleted this person a short time ago, as was `said` then."""
        self._recent.note_deletion(key, said, self.clock())


def _failed(delivery: Delivery) -> dict[Key, Retryable]:
    """What must be retried, except what only waits behind something else."""
    return {
        key: result.outcome
        for result in delivery.results
        if isinstance(result.outcome, Retryable)
        and result.outcome.reason is not RetryReason.WAITS_FOR_PROFILE
        for key in holds_back(result.operation)
        if key[0] not in SHARED_BY_SEVERAL
    }

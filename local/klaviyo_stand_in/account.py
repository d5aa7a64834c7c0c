"""The stand-in: a Klaviyo account without I/O that turns requests into answers."""

import time
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from threading import RLock

from local.klaviyo_stand_in import control
from local.klaviyo_stand_in.api import authentication, partial, routes
from local.klaviyo_stand_in.api.authentication import Keys
from local.klaviyo_stand_in.api.call import Call
from local.klaviyo_stand_in.api.routes import Route
from local.klaviyo_stand_in.checks import judge
from local.klaviyo_stand_in.checks.rate_limits import Meter, RateLimits
from local.klaviyo_stand_in.protocol.exchange import Json, Reply, Request, Response
from local.klaviyo_stand_in.protocol.findings import CheckContext
from local.klaviyo_stand_in.protocol.log import UNANSWERED, RequestLog, RequestRecord
from local.klaviyo_stand_in.protocol.policy import OptIn, Policy
from local.klaviyo_stand_in.protocol.problems import Refusal, throttled
from local.klaviyo_stand_in.records import import_jobs as imports
from local.klaviyo_stand_in.records.account_data import AccountData
from local.klaviyo_stand_in.records.consents import Reversal
from local.klaviyo_stand_in.records.events import EventRecord, Keep
from local.klaviyo_stand_in.records.jobs import ImportJob
from local.klaviyo_stand_in.records.lists import MailingList
from local.klaviyo_stand_in.records.profiles import Profiles
from local.klaviyo_stand_in.weather import POISONED, Sky, Treatment, Weather

UNKNOWN = "unknown"
"""The endpoint of requests that match none."""


class Poisoned(Exception):  # noqa: N818
    """An item makes the whole request fail, with this response or without an answer."""

    def __init__(self, response: Response | None) -> None:
        super().__init__()
        self.response = response


class Account:
    """One Klaviyo account. Thread-safe.

    `keys` are the private keys that it accepts, or a mapping of each key to its scopes. `limits`:
    `"published"`, a factor on these, a mapping of endpoints to a `Limit`, or `None` for none.
    `clock` gives seconds that never go back; `started_at` is the time of day at its first reading.
    `keep_events` and `keep_requests` bound the memory of long runs.
    """

    def __init__(
        self,
        keys: Keys = frozenset({"pk_test"}),
        *,
        limits: RateLimits = None,
        clock: Callable[[], float] = time.monotonic,
        started_at: datetime | None = None,
        policy: Policy | None = None,
        keep_events: Keep = "all",
        keep_requests: int = 100_000,
    ) -> None:
        if isinstance(limits, Mapping):
            _require_endpoints(limits)
        self._keys = keys
        self._limits = limits
        self._clock = clock
        self._started_at = started_at or datetime.now(UTC)
        self._started = clock()
        self._policy = policy or Policy()
        self._keep_events: Keep = keep_events
        self._keep_requests = keep_requests
        self._lock = RLock()
        self.reset()

    def reset(self) -> None:
        """Forget everything: profiles, events, lists, jobs, requests, weather, limits."""
        with self._lock:
            self._state = AccountData(self._policy, self._keep_events)
            self._log = RequestLog(self._keep_requests)
            self._meter = Meter(self._limits)
            self._sky = Sky()

    @property
    def now(self) -> datetime:
        """The account's date and time, by its clock."""
        return self._started_at + timedelta(seconds=self._clock() - self._started)

    @property
    def profiles(self) -> Profiles:
        """Every profile: iterate, or look up with `by_email`, `by_external_id`, `get`, …"""
        return self._up_to_date().profiles

    @property
    def events(self) -> list[EventRecord]:
        """The recorded events; none when only counts are kept."""
        with self._lock:
            return self._state.events.records()

    @property
    def events_sent(self) -> int:
        """How many events were accepted, repeats included."""
        return self._state.events.sent

    @property
    def events_recorded(self) -> int:
        """How many of them were new."""
        return self._state.events.recorded

    @property
    def lists(self) -> Mapping[str, MailingList]:
        """Lists by id."""
        return self._up_to_date().lists

    @property
    def jobs(self) -> Mapping[str, ImportJob]:
        """Import jobs by id."""
        return self._up_to_date().jobs

    @property
    def deleted(self) -> Sequence[str]:
        """Ids of the profiles that were deleted on request."""
        return self._state.deleted

    @property
    def requests(self) -> list[RequestRecord]:
        """The requests, oldest first; control requests do not count."""
        with self._lock:
            return list(self._log.records)

    @property
    def counts(self) -> Counter[tuple[str, int]]:
        """The number of requests by endpoint and status."""
        with self._lock:
            return self._log.counts.copy()

    @property
    def items(self) -> Counter[str]:
        """The number of accepted items by endpoint."""
        with self._lock:
            return self._log.items.copy()

    def summary(self) -> Json:
        """Requests and items in numbers, for the control endpoint."""
        with self._lock:
            return self._log.summary()

    @property
    def weather(self) -> tuple[Weather, ...]:
        """The current weather."""
        return self._sky.weather

    def set_weather(self, *weather: Weather) -> None:
        """Replace the weather. If there are several, the first one that applies to an endpoint
        decides. No weather means fine weather.

        Raises `ValueError` for an unknown endpoint.
        """
        for each in weather:
            _require_endpoints(each.endpoints)
        with self._lock:
            self._sky = Sky(() if all(each == Weather() for each in weather) else weather)

    @contextmanager
    def standing_still(self) -> Iterator[None]:
        """Nothing changes within this context, so that several things can be read together."""
        with self._lock:
            yield

    def add_list(
        self, list_id: str, name: str, opt_in_process: OptIn = "double_opt_in"
    ) -> MailingList:
        """Add a list with a given id."""
        with self._lock:
            self._state.add_list(list_id, name, opt_in_process, self.now)
            return self._state.lists[list_id]

    def add_metric(self, name: str) -> None:
        """Add a metric, as the first event with that name does."""
        with self._lock:
            self._state.events.metric(name, self.now)

    def add_twin(self, external_id: str, email: str) -> None:
        """Add a profile with another one's external id, as imports can create."""
        with self._lock:
            self._state.profiles.add_twin(external_id, email, self.now)

    def delete_list(self, list_id: str) -> None:
        """Delete a list, as somebody may do in Klaviyo's console."""
        with self._lock:
            del self._state.lists[list_id]

    def confirm(self, email: str, list_id: str | None = None) -> bool:
        """Click in the confirmation message; false if this address got none."""
        with self._lock:
            profile = self._state.profiles.by_email(email)
            return profile is not None and self._state.confirm(profile, list_id, self.now)

    def unsubscribe(self, email: str, list_id: str | None = None) -> None:
        """Do what a click on "unsubscribe" in an e-mail does; for a list, only for its members."""
        consents = {"email": {"marketing": {"consent": "UNSUBSCRIBED"}}}
        with self._lock:
            self._up_to_date().unsubscribe(
                {"attributes": {"email": email, "subscriptions": consents}}, list_id, self.now
            )

    def add_unsubscribed(self, email: str) -> None:
        """Add a person who has unsubscribed from everything."""
        with self._lock:
            self._up_to_date().profiles.upsert({"attributes": {"email": email}}, self.now)
            self.unsubscribe(email)

    def add_subscribed(self, email: str, list_id: str) -> None:
        """Add a person who has consented and is on the list."""
        consents = {"email": {"marketing": {"consent": "SUBSCRIBED"}}}
        with self._lock:
            self._up_to_date().subscribe(
                {"attributes": {"email": email, "subscriptions": consents}},
                list_id,
                historical=True,
                now=self.now,
            )

    def suppress(self, email: str, reason: str = "USER_SUPPRESSED") -> None:
        """Suppress e-mail marketing, as the account's owner or a complaint does."""
        with self._lock:
            owner = self._up_to_date().profiles.by_email(email)
            if owner is not None:
                self._state.suppress(owner, reason, self.now)

    @property
    def reversals(self) -> Sequence[Reversal]:
        """The subscriptions of people who had opted out."""
        return list(self._up_to_date().reversals)

    @property
    def withdrawn_everywhere(self) -> Sequence[str]:
        """Ids of the profiles whose unsubscription from a list became one from everything."""
        return list(self._up_to_date().withdrawn_everywhere)

    def exchange(self, request: Request) -> Reply:
        """Carry out one request in the current weather."""
        if request.path.startswith(control.PREFIX):
            return Reply(control.answer(self, request))
        try:
            route, target = routes.find(request.method, request.path)
        except Refusal as refusal:
            response = refusal.response()
            self._note(request, UNKNOWN, response, 0, answered=True)
            return Reply(response)
        with self._lock:
            treatment = self._sky.treatment(route.name)
        items = 0
        carried_out, lost = treatment.answer, treatment.lost
        if treatment.effect:
            try:
                carried_out, items = self._carry_out(request, route, target, treatment)
            except Poisoned as poisoned:
                carried_out, lost = poisoned.response, poisoned.response is None
        self._note(request, route.name, carried_out, items, answered=not lost)
        answer = None if lost else carried_out
        return Reply(answer, treatment.delay, treatment.drip, treatment.interim)

    def _carry_out(
        self, request: Request, route: Route, target: str, treatment: Treatment
    ) -> tuple[Response, int]:
        items = 0
        try:
            key = authentication.authenticate(request, self._keys)
            headers = self._metered(route)
        except Refusal as refusal:
            return refusal.response(), items
        try:
            authentication.admit(request, route, key, self._keys, self._policy)
            document, items = self._judged(request, route, treatment)
            response = self._answered(request, route, target, document, treatment)
        except Refusal as refusal:
            response = refusal.response()
        return Response(response.status, {**response.headers, **headers}, response.body), items

    def _metered(self, route: Route) -> Mapping[str, str]:
        with self._lock:
            now = self._clock()
            wait = self._meter.take(route.name, route.limit, now)
            if wait is not None:
                raise throttled(wait)
            return self._meter.headers(route.name, route.limit, now)

    def _judged(self, request: Request, route: Route, treatment: Treatment) -> tuple[Json, int]:
        """The body and the number of its items. Reads nothing that another thread can change."""
        if route.method == "GET":
            return None, 0
        document = judge.parse(request.body)
        refusal = treatment.refuse_items
        whole = refusal in POISONED
        findings = judge.judge(
            route.name,
            document,
            CheckContext(
                now=self.now,
                policy=self._policy,
                historical_import=judge.historical_import(document),
                refuses=treatment.refuses if whole or refusal in ("pointer", "silent") else None,
                refusal="whole" if whole else "silent" if refusal == "silent" else "pointer",
            ),
        )
        if findings.is_poisoned:
            raise Poisoned(POISONED[str(refusal)])
        if findings.problems:
            raise Refusal(400, *findings.problems)
        return document, findings.items

    def _answered(
        self, request: Request, route: Route, target: str, document: Json, treatment: Treatment
    ) -> Response:
        rest = partial.left_out(route.name, document, self._policy)
        with self._lock:
            call = Call(
                state=self._up_to_date(),
                now=self.now,
                origin=request.origin,
                path=request.path,
                target=target,
                parameters=request.parameters(),
                document=document if rest is None else rest,
                fails=treatment.refuses if treatment.refuse_items == "import" else None,
                missing_errors=treatment.missing_errors,
            )
            response = route.answer(call)
        if rest is None:
            return response
        headers = {**response.headers, partial.HEADER: "phone_number"}
        return Response(response.status, headers, response.body)

    def _up_to_date(self) -> AccountData:
        with self._lock:
            for job in self._state.due(self.now):
                imports.carry_out(job, self._state)
            self._state.carry_out_consents(self.now)
            return self._state

    def _note(
        self,
        request: Request,
        endpoint: str,
        response: Response | None,
        items: int,
        *,
        answered: bool,
    ) -> None:
        status = UNANSWERED if response is None else response.status
        with self._lock:
            self._log.add(
                RequestRecord(
                    request.method, request.path, endpoint, status, items, self._clock(), answered
                )
            )


def _require_endpoints(names: Iterable[str]) -> None:
    unknown = set(names) - {route.name for route in routes.ROUTES}
    if unknown:
        raise ValueError(f"no such endpoints: {sorted(unknown)}")

"""Everything that the account holds, and the changes that take more than one store."""

from collections import deque
from collections.abc import Iterator
from datetime import datetime
from itertools import count
from typing import Any

from local.klaviyo.consents import consents_of
from local.klaviyo.events import Events, Keep
from local.klaviyo.exchange import JsonObject
from local.klaviyo.jobs import ImportJob
from local.klaviyo.lists import MailingList
from local.klaviyo.policy import OptIn, Policy
from local.klaviyo.profiles import Profile, Profiles

EXAMPLE_DOMAINS = ("@example.com", "@test.com")


class State:
    """Profiles, events, lists and jobs. Not safe for threads by itself."""

    def __init__(self, policy: Policy, keep_events: Keep) -> None:
        self.policy = policy
        self.profiles = Profiles()
        self.events = Events(keep_events)
        self.lists: dict[str, MailingList] = {}
        self.jobs: dict[str, ImportJob] = {}
        self.pending: dict[str, set[str]] = {}
        """Consents that wait for a confirmation without a list, by profile id."""
        self.deleted: list[str] = []
        """Ids of the profiles that were deleted on request."""
        self._running: deque[ImportJob] = deque()

    def add_list(self, list_id: str, name: str, opt_in_process: OptIn, now: datetime) -> None:
        """Add a list, or begin it anew."""
        self.lists[list_id] = MailingList(list_id, name, opt_in_process, now, now)

    def new_list_id(self) -> str:
        """An id that no list has."""
        return next(
            list_id
            for number in count(len(self.lists) + 1)
            if (list_id := f"L{number:05d}") not in self.lists
        )

    def add_job(self, job: ImportJob) -> None:
        """Start an import job."""
        job.total = len(job.profiles)
        self.jobs[job.id] = job
        self._running.append(job)

    def due(self, now: datetime) -> Iterator[ImportJob]:
        """Take out the jobs whose time has come."""
        while self._running and now >= self._running[0].completed:
            yield self._running.popleft()

    def drops(self, profile: JsonObject) -> bool:
        """Whether Klaviyo accepts what is about this profile and then forgets it."""
        address = profile["attributes"].get("email") or ""
        return self.policy.drops_example_addresses and address.lower().endswith(EXAMPLE_DOMAINS)

    def record(
        self, profile: JsonObject, events: list[dict[str, Any]], now: datetime, backfill: bool
    ) -> None:
        """Record events about a profile, which is created or updated on the way."""
        if self.drops(profile):
            return
        owner, _ = self.profiles.upsert(profile, now)
        for event in events:
            self.events.record(owner.id, event["attributes"], now, backfill)

    def subscribe(
        self, profile: JsonObject, list_id: str | None, historical: bool, now: datetime
    ) -> None:
        """Give the consents, or ask for their confirmation where the opt-in process says so."""
        known = self.profiles.matching(profile)
        if (list_id is None and not historical and not known) or self.drops(profile):
            return
        owner = self._subscriber(profile, now)
        consents = set(consents_of(profile))
        joined = self.lists[list_id] if list_id is not None else None
        process = self.policy.default_opt_in if joined is None else joined.opt_in_process
        there = all(owner.consents.get(name) == "SUBSCRIBED" for name in consents) and (
            joined is None or owner.id in joined.members
        )
        if process == "double_opt_in" and not historical and not there:
            pending = self.pending if joined is None else joined.pending
            pending.setdefault(owner.id, set()).update(consents)
        else:
            self._join(owner, joined, consents, now)

    def confirm(self, profile: Profile, list_id: str | None, now: datetime) -> bool:
        """Do what a click in the confirmation message does; false when none was sent."""
        joined = self.lists[list_id] if list_id is not None else None
        pending = self.pending if joined is None else joined.pending
        consents = pending.pop(profile.id, None)
        if consents is None:
            return False
        self._join(profile, joined, consents, now)
        return True

    def unsubscribe(self, profile: JsonObject, list_id: str | None, now: datetime) -> None:
        """Take a member off the list; whoever is not on it loses the consents everywhere."""
        for owner in self.profiles.matching(profile)[:1]:
            owner.updated = now
            left = self.lists[list_id] if list_id is not None else None
            if left is not None and owner.id in left.members:
                left.members.discard(owner.id)
                owner.list_suppressions.add(left.id)
            else:
                owner.consents.update(dict.fromkeys(consents_of(profile), "UNSUBSCRIBED"))

    def delete(self, profile: Profile) -> None:
        """Forget the profile and its memberships. What it had sent stays on record."""
        self.profiles.delete(profile)
        self._forget_memberships(profile.id)
        self.deleted.append(profile.id)

    def merge(self, source: Profile, destination: Profile, now: datetime) -> None:
        """Merge two profiles and their memberships."""
        for each in self.lists.values():
            if source.id in each.members:
                each.members.add(destination.id)
        self.profiles.merge(source, destination, now)
        self._forget_memberships(source.id)

    def _forget_memberships(self, profile_id: str) -> None:
        self.pending.pop(profile_id, None)
        for each in self.lists.values():
            each.members.discard(profile_id)
            each.pending.pop(profile_id, None)

    def _subscriber(self, profile: JsonObject, now: datetime) -> Profile:
        """Whoever is subscribed has the address and the number from then on."""
        identifiers = {name: profile["attributes"].get(name) for name in ("email", "phone_number")}
        return self.profiles.upsert({**profile, "attributes": identifiers}, now)[0]

    def _join(
        self, owner: Profile, joined: MailingList | None, consents: set[str], now: datetime
    ) -> None:
        owner.consents.update(dict.fromkeys(consents, "SUBSCRIBED"))
        owner.updated = now
        if joined is not None:
            joined.members.add(owner.id)
            joined.pending.pop(owner.id, None)
            owner.list_suppressions.discard(joined.id)

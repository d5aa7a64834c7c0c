"""All data of the account, and changes that involve more than one store."""

from collections import deque
from collections.abc import Iterator
from datetime import datetime
from itertools import count
from typing import Any

from local.klaviyo_stand_in.protocol.exchange import JsonObject
from local.klaviyo_stand_in.protocol.policy import OptIn, Policy
from local.klaviyo_stand_in.records.consents import (
    EMAIL_MARKETING,
    LIFTED,
    ConsentJob,
    Reversal,
    consents_of,
)
from local.klaviyo_stand_in.records.events import Events, Keep
from local.klaviyo_stand_in.records.jobs import ImportJob
from local.klaviyo_stand_in.records.lists import MailingList
from local.klaviyo_stand_in.records.profiles import Profile, Profiles

EXAMPLE_DOMAINS = ("@example.com", "@test.com")


class AccountData:
    """Profiles, events, lists and jobs. Not thread-safe."""

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
        self.reversals: list[Reversal] = []
        """Subscriptions of people who had opted out."""
        self.withdrawn_everywhere: list[str] = []
        """Profile ids whose unsubscription from a list became one from everything."""
        self._running: deque[ImportJob] = deque()
        self._consents: deque[ConsentJob] = deque()

    def add_list(self, list_id: str, name: str, opt_in_process: OptIn, now: datetime) -> None:
        """Add a list, or empty an existing one."""
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
        """Remove and return the jobs that are due."""
        while self._running and now >= self._running[0].completed:
            yield self._running.popleft()

    def change_consent(self, job: ConsentJob) -> None:
        """Carry out a consent job once it is due."""
        self._consents.append(job)

    def carry_out_consents(self, now: datetime) -> None:
        """Carry out the consent jobs that are due. Klaviyo answers 202 and processes them later:
        https://github.com/klaviyo/klaviyo-api-python/issues/52"""
        while self._consents and now >= self._consents[0].due:
            job = self._consents.popleft()
            for profile in job.profiles:
                if job.gives:
                    self.subscribe(profile, job.list_id, job.historical, job.due)
                else:
                    self.unsubscribe(profile, job.list_id, job.due)

    def drops(self, profile: JsonObject) -> bool:
        """Whether Klaviyo accepts requests about this profile and then forgets them."""
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
        """Give the consents, or ask for confirmation if the opt-in process requires it."""
        known = self.profiles.matching(profile)
        if (list_id is None and not historical and not known) or self.drops(profile):
            return
        owner = self._subscriber(profile, now)
        consents = set(consents_of(profile))
        self._lift_suppressions(owner, consents, list_id, now)
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
        """Do what a click in the confirmation message does; false if none was sent."""
        joined = self.lists[list_id] if list_id is not None else None
        pending = self.pending if joined is None else joined.pending
        consents = pending.pop(profile.id, None)
        if consents is None:
            return False
        self._join(profile, joined, consents, now)
        return True

    def unsubscribe(self, profile: JsonObject, list_id: str | None, now: datetime) -> None:
        """Remove a member from the list. A person who is not on it loses the consents
        everywhere."""
        for owner in self.profiles.matching(profile)[:1]:
            owner.updated = now
            left = self.lists[list_id] if list_id is not None else None
            if left is not None and owner.id in left.members:
                left.members.discard(owner.id)
                owner.list_suppressions[left.id] = now
            else:
                if left is not None:
                    self.withdrawn_everywhere.append(owner.id)
                self._withdraw(owner, set(consents_of(profile)), now)

    def delete(self, profile: Profile) -> None:
        """Delete the profile and its memberships. Its events stay."""
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
        """The profile of a subscriber, which has the address and the number from then on."""
        identifiers = {name: profile["attributes"].get(name) for name in ("email", "phone_number")}
        return self.profiles.upsert({**profile, "attributes": identifiers}, now)[0]

    def suppress(self, owner: Profile, reason: str, now: datetime) -> None:
        """Suppress e-mail marketing for another reason than an unsubscription."""
        owner.suppressions[reason] = now

    def _withdraw(self, owner: Profile, consents: set[str], now: datetime) -> None:
        owner.consents.update(dict.fromkeys(consents, "UNSUBSCRIBED"))
        owner.consented.update(dict.fromkeys(consents, now))
        if EMAIL_MARKETING in consents:
            owner.suppressions["UNSUBSCRIBE"] = now

    def _lift_suppressions(
        self, owner: Profile, consents: set[str], list_id: str | None, now: datetime
    ) -> None:
        """A subscription removes the suppressions that a person or the account has set, even before
        its confirmation:
        https://developers.klaviyo.com/en/reference/bulk_subscribe_profiles"""
        for name in sorted(consents):
            opt_outs = [owner.consented[name]] if owner.consents.get(name) == "UNSUBSCRIBED" else []
            if name == EMAIL_MARKETING:
                opt_outs += [
                    owner.suppressions.pop(reason) for reason in LIFTED & owner.suppressions.keys()
                ]
                if list_id is not None and list_id in owner.list_suppressions:
                    opt_outs.append(owner.list_suppressions[list_id])
            if opt_outs:
                withdrawn = max(opt_outs)
                self.reversals.append(Reversal(owner.id, name, list_id, now, withdrawn))

    def _join(
        self, owner: Profile, joined: MailingList | None, consents: set[str], now: datetime
    ) -> None:
        owner.consents.update(dict.fromkeys(consents, "SUBSCRIBED"))
        owner.consented.update(dict.fromkeys(consents, now))
        owner.updated = now
        if joined is not None:
            joined.members.add(owner.id)
            joined.pending.pop(owner.id, None)
            owner.list_suppressions.pop(joined.id, None)

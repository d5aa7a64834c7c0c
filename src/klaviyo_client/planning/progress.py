"""The operations of one delivery, and the outcome of each so far."""

from collections.abc import Mapping, Sequence
from collections.abc import Set as AbstractSet
from dataclasses import dataclass, field
from typing import Protocol

from msgspec.structs import replace

from klaviyo_client.api.consent_state import Standing
from klaviyo_client.api.endpoints import CONSENTS, UPSERT_PROFILE
from klaviyo_client.api.outcomes import (
    Delivered,
    DeliveryWarning,
    Outcome,
    Refused,
    Retryable,
    RetryReason,
    waiting_for,
)
from klaviyo_client.planning.requests import Item, Request
from operations import (
    AddToList,
    Identity,
    Operation,
    RemoveFromList,
    Subscribe,
    Unsubscribe,
    UpsertProfile,
)


class Known(Protocol):
    """What a delivery knows so far, for those who only read it: who plans or decides changes
    nothing. The fields are those of `Progress`."""

    @property
    def operations(self) -> Sequence[Operation]: ...
    @property
    def outcomes(self) -> Mapping[int, Outcome]: ...
    @property
    def profile_ids(self) -> Mapping[int, tuple[str, ...]]: ...
    @property
    def previous_ids(self) -> Mapping[int, str]: ...
    @property
    def asked(self) -> Mapping[int, int]: ...
    @property
    def members(self) -> Mapping[tuple[int, str], str | None]: ...
    @property
    def introduced(self) -> AbstractSet[int]: ...
    @property
    def standings(self) -> Mapping[tuple[str, str], Standing | None]: ...
    @property
    def judged(self) -> AbstractSet[int]: ...


@dataclass(slots=True)
class Changes:
    """What was decided about operations, by position; `Progress.take` makes it so.

    `operations` are those that go on in another form. The other fields are as in `Progress`.
    """

    operations: dict[int, Operation] = field(default_factory=dict)
    outcomes: dict[int, Outcome] = field(default_factory=dict)
    warnings: list[tuple[int, DeliveryWarning]] = field(default_factory=list)
    judged: set[int] = field(default_factory=set)
    introduced: set[int] = field(default_factory=set)

    def warn(self, position: int, warning: DeliveryWarning) -> None:
        """What is left out of the operation."""
        self.warnings.append((position, warning))


@dataclass(slots=True)
class Progress:
    """`operations` as they were last sent; `outcomes` by their position.

    `follow_ups` are new operations to be kept. `import_failures` are the profiles that an import
    job has refused for good. `warnings` say, by position, what an operation goes on without.

    Results of lookups, by position: the `profile_ids` (of a deletion all of them), and the
    `previous_ids` of the profiles that a merge removes; how many identifiers were `asked` without
    a result; by position and channel, the profile among the `members` of a list, if any; whose
    people were `introduced` to Klaviyo; by identifier, the `standings` of people's consents
    (`None` if there is no such person), and by which operations they were `judged`; and by name,
    the `lists` as (created, id). `gone` are lists that no longer exist, `uncreatable` names that
    Klaviyo has refused.

    `carried_out` are the consents that Klaviyo has accepted a job for; `uncertain` those
    unsubscriptions from a list that got no answer.
    """

    operations: list[Operation]
    outcomes: dict[int, Outcome] = field(default_factory=dict)
    follow_ups: list[Operation] = field(default_factory=list)
    import_failures: list[tuple[UpsertProfile, Refused]] = field(default_factory=list)
    warnings: dict[int, tuple[DeliveryWarning, ...]] = field(default_factory=dict)
    profile_ids: dict[int, tuple[str, ...]] = field(default_factory=dict)
    previous_ids: dict[int, str] = field(default_factory=dict)
    asked: dict[int, int] = field(default_factory=dict)
    members: dict[tuple[int, str], str | None] = field(default_factory=dict)
    introduced: set[int] = field(default_factory=set)
    standings: dict[tuple[str, str], Standing | None] = field(default_factory=dict)
    judged: set[int] = field(default_factory=set)
    carried_out: set[int] = field(default_factory=set)
    uncertain: set[int] = field(default_factory=set)
    lists: dict[str, set[tuple[str, str]]] = field(default_factory=dict)
    gone: set[str] = field(default_factory=set)
    uncreatable: dict[str, Refused] = field(default_factory=dict)
    _reopened: set[tuple[int, str]] = field(default_factory=set)

    def pending(self) -> list[int]:
        """The positions of the operations without an outcome."""
        return [n for n in range(len(self.operations)) if n not in self.outcomes]

    def warn(self, position: int, warning: DeliveryWarning) -> None:
        """Note, once, what is left out of the operation."""
        known = self.warnings.get(position, ())
        if warning not in known:
            self.warnings[position] = (*known, warning)

    def take(self, changes: Changes) -> None:
        """Apply what was decided."""
        for position, operation in changes.operations.items():
            self.operations[position] = operation
        self.outcomes.update(changes.outcomes)
        for position, warning in changes.warnings:
            self.warn(position, warning)
        self.judged |= changes.judged
        self.introduced |= changes.introduced

    def record(self, request: Request, outcome: Outcome) -> None:
        """The outcome of all that the request carried."""
        for item in request.items:
            self.record_item(request, item, outcome)

    def record_item(self, request: Request, item: Item, outcome: Outcome) -> None:
        """The outcome of one item, and what it means for the list steps that depend on it."""
        if request.endpoint.subject in CONSENTS and isinstance(outcome, Delivered):
            self.carried_out.update(item.covers)
        for position in item.covers:
            if request.endpoint.in_parts and isinstance(outcome, Delivered):
                self.outcomes.setdefault(position, outcome)
            else:
                self.outcomes[position] = outcome
        for position in item.joins:
            join = self.operations[position]
            if request.endpoint is not UPSERT_PROFILE:
                self.outcomes[position] = outcome
            elif isinstance(outcome, Delivered) and isinstance(join, AddToList):
                self._prepare(position, join, outcome)
            elif isinstance(outcome, Retryable):
                self.outcomes[position] = waiting_for(outcome)
            elif isinstance(join, Subscribe | Unsubscribe):
                # Refused or not, two profiles perhaps: whether it will do, the job itself says.
                self.introduced.add(position)
            else:
                self.outcomes[position] = outcome

    def forget_list(self, position: int) -> bool:
        """The step's list no longer exists: find or create it again by its name, if it has one.

        False when that has been done already, or cannot be.
        """
        step = self.operations[position]
        if not isinstance(step, AddToList | RemoveFromList) or step.list_name is None:
            return False
        if step.list_id is not None:
            self.gone.add(step.list_id)
        return self._reopen(position, "list", replace(step, list_id=None))

    def forget_profile(self, position: int) -> bool:
        """The step's profile no longer exists: look it up again by its identity, if it has one.

        False when that has been done already, or cannot be.
        """
        step = self.operations[position]
        if not isinstance(step, AddToList | RemoveFromList) or step.identity == Identity():
            return False
        return self._reopen(position, "profile", replace(step, profile_id=None))

    def _reopen(self, position: int, what: str, operation: Operation) -> bool:
        if (position, what) in self._reopened:
            return False
        self._reopened.add((position, what))
        self.operations[position] = operation
        return True

    def _prepare(self, position: int, join: AddToList, outcome: Delivered) -> None:
        """The profile is there: the list step can go, now or later, on its own."""
        if outcome.profile_id is None:
            self.outcomes[position] = Retryable(RetryReason.UNAVAILABLE)
        else:
            self.operations[position] = replace(join, profile_id=outcome.profile_id)

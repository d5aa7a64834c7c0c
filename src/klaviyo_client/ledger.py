"""The operations of one delivery, and what has become of each so far."""

from dataclasses import dataclass, field, replace

from klaviyo_client.endpoints import UPSERT_PROFILE
from klaviyo_client.outcomes import (
    Delivered,
    Outcome,
    Refused,
    Retryable,
    RetryReason,
    waiting_for,
)
from klaviyo_client.planner import Item, Request
from klaviyo_mapping.operations import AddToList, Operation, UpsertProfile


@dataclass(slots=True)
class Ledger:
    """`operations` as they were last sent; `outcomes` by their position.

    `follow_ups` are new operations to be kept. `import_failures` are the profiles that an import
    job has refused for good.
    """

    operations: list[Operation]
    outcomes: dict[int, Outcome] = field(default_factory=dict)
    follow_ups: list[Operation] = field(default_factory=list)
    import_failures: list[tuple[UpsertProfile, Refused]] = field(default_factory=list)

    def pending(self) -> list[int]:
        """The positions of the operations without an outcome."""
        return [n for n in range(len(self.operations)) if n not in self.outcomes]

    def record(self, request: Request, outcome: Outcome) -> None:
        """The outcome of all that the request carried."""
        for item in request.items:
            self.record_item(request, item, outcome)

    def record_item(self, request: Request, item: Item, outcome: Outcome) -> None:
        """The outcome of one item, and what it means for the list steps that hang on it."""
        for position in item.covers:
            self.outcomes[position] = outcome
        for position in item.joins:
            join = self.operations[position]
            if request.endpoint is not UPSERT_PROFILE:
                self.outcomes[position] = outcome
            elif isinstance(outcome, Delivered) and isinstance(join, AddToList):
                self._prepare(position, join, outcome)
            elif isinstance(outcome, Retryable):
                self.outcomes[position] = waiting_for(outcome)
            else:
                self.outcomes[position] = outcome

    def _prepare(self, position: int, join: AddToList, outcome: Delivered) -> None:
        """The profile is there: the list step can go, now or later, on its own."""
        if outcome.profile_id is None:
            self.outcomes[position] = Retryable(RetryReason.UNAVAILABLE)
        else:
            self.operations[position] = replace(join, profile_id=outcome.profile_id)

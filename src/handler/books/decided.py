"""A message and the decision on it, as the ledger notes it."""

from typing import NamedTuple

from handler.decision import Decision

DELETE = "delete"
"""The type of a message that asks for a person's deletion."""


class Decided(NamedTuple):
    """A message and the decision on it. `at` is the time of the decision; `arrived_at` is that of
    the arrival, if that was another call (Unix seconds)."""

    message_id: str | None
    kind: str | None
    user_id: str | None
    decision: Decision
    at: float
    arrived_at: float | None = None

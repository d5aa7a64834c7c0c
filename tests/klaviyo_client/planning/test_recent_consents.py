"""What was sent a while ago decides, whether or not Klaviyo shows it yet."""

import pytest

from klaviyo_client.api.outcomes import Delivered, DeliveryWarning
from klaviyo_client.planning.progress import Progress
from klaviyo_client.planning.recent_consents import RecentConsents
from operations import Subscribe, Unsubscribe
from operations.instants import instant

ADA = "ada@acme-store.example"
NOW = 100.0


def at(minute: int) -> str:
    return f"2026-03-01T10:{minute:02}:00Z"


@pytest.mark.parametrize("in_the_ledger", [None, 1, 9])
def test_a_consent_from_before_a_withdrawal_that_was_sent_is_left_out(
    in_the_ledger: int | None,
) -> None:
    """Also where the ledger could not be written then, and has an earlier withdrawal only."""
    recent = RecentConsents()
    sent = Progress([Unsubscribe("w", ADA, None, time=at(9))])
    sent.carried_out.add(0)
    recent.remember(sent, NOW)
    if in_the_ledger is not None:
        said = instant(at(in_the_ledger))
        assert said is not None
        recent.note_withdrawal("email.marketing", ("email", ADA), said, said + 1800, NOW + 1)
    consent = Subscribe("c", ADA, "L", time=at(5), is_consent=True)
    changes = recent.apply(Progress([consent]), [0], NOW + 2)
    assert (changes.outcomes, changes.warnings) == (
        {0: Delivered()},
        [(0, DeliveryWarning.OPTED_OUT)],
    )

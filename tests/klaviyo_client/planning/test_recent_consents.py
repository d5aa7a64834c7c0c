"""What was sent a while ago decides, whether or not Klaviyo shows it yet."""

import pytest

from klaviyo_client.api.outcomes import (
    Delivered,
    DeliveryWarning,
    Outcome,
    Retryable,
    RetryReason,
)
from klaviyo_client.planning.progress import Progress
from klaviyo_client.planning.recent_consents import RecentConsents
from operations import Subscribe, Unsubscribe
from operations.channels import EVERY_CHANNEL
from operations.instants import instant

ADA = "ada@acme-store.example"
NUMBER = "+12025550123"
NOW = 100.0


def at(minute: int) -> str:
    return f"2026-03-01T10:{minute:02}:00Z"


@pytest.mark.parametrize(
    ("withdrawal", "waits"),
    [
        (Unsubscribe("w", ADA, None, NUMBER, time=at(1)), None),
        (Unsubscribe("w", ADA, None, time=at(1), channels=EVERY_CHANNEL), None),
        (Unsubscribe("w", ADA, "L", time=at(1)), None),
        (Unsubscribe("w", ADA, None, time=at(1)), 1790.0),
        (Unsubscribe("w", None, None, NUMBER, time=at(1)), 1790.0),
        (Unsubscribe("w", ADA, None, NUMBER, time=at(1), channels=("sms.marketing",)), 1790.0),
    ],
)
def test_an_identify_is_left_out_after_an_opt_out_or_waits_if_it_was_for_one_channel(
    withdrawal: Unsubscribe, waits: float | None
) -> None:
    recent = RecentConsents()
    sent = Progress([withdrawal])
    sent.carried_out.add(0)
    recent.remember(sent, NOW)
    both = Subscribe("i", ADA, "L", NUMBER, time=at(5))
    changes = recent.apply(Progress([both]), [0], NOW + 10)
    expected: Outcome = Delivered()
    if waits is not None:
        expected = Retryable(RetryReason.CONSENT_TOO_SOON, waits, tried=False)
    warnings = [] if waits is not None else [(0, DeliveryWarning.OPTED_OUT)]
    assert (changes.outcomes, changes.warnings) == ({0: expected}, warnings)


def test_a_consent_ends_a_withdrawal_that_named_the_address_only() -> None:
    recent = RecentConsents()
    withdrawal = Unsubscribe("w", ADA, None, time=at(1), channels=EVERY_CHANNEL)
    consent = Subscribe("c", ADA, "M", NUMBER, time=at(2), is_consent=True)
    for operation in (withdrawal, consent):
        sent = Progress([operation])
        sent.carried_out.add(0)
        recent.remember(sent, NOW)
    both = Subscribe("i", ADA, "L", NUMBER, time=at(5))
    changes = recent.apply(Progress([both]), [0], NOW + 10)
    assert (changes.outcomes, changes.warnings) == ({}, [])


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

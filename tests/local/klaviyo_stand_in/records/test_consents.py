"""What becomes of opt-outs in Klaviyo's stand-in, and when."""

import json
from typing import Any

import pytest

from local.klaviyo_stand_in import Account, Policy
from local.klaviyo_stand_in.protocol.exchange import Request
from tests.local.klaviyo_stand_in.caller import (
    SteppedClock,
    account,
    answer,
    get,
    post,
    profile,
    request,
    subscriber,
    subscription_job,
    unsubscription_job,
)

ANN = "ann@shop.io"
EMAIL = "email.marketing"
SUBSCRIBE = "/api/profile-subscription-bulk-create-jobs"
UNSUBSCRIBE = "/api/profile-subscription-bulk-delete-jobs"


def subscribed() -> Account:
    """Ann is on the single opt-in list."""
    made = account()
    post(made, SUBSCRIBE, subscription_job(subscriber(), list_id="SINGLE"))
    return made


def unsubscribe(made: Account, list_id: str | None) -> None:
    job = unsubscription_job(subscriber(consent="UNSUBSCRIBED"), list_id=list_id)
    assert post(made, UNSUBSCRIBE, job).status == 202


def control(made: Account, method: str, path: str, document: Any = None) -> Any:
    body = b"" if document is None else json.dumps(document).encode()
    return answer(made, Request.of(method, f"/stand-in/{path}", {}, body)).json()


def marketing(made: Account) -> dict[str, Any]:
    """Ann's consent to marketing by e-mail, as a look-up shows it."""
    response = get(made, "/api/profiles?additional-fields%5Bprofile%5D=subscriptions")
    [ann] = response.json()["data"]
    found: dict[str, Any] = ann["attributes"]["subscriptions"]["email"]["marketing"]
    return found


def test_an_upsert_answers_with_the_consents_that_it_is_asked_for() -> None:
    made = subscribed()
    document = {"data": profile()}
    path = "/api/profile-import?additional-fields%5Bprofile%5D=subscriptions"
    shown = answer(made, request("POST", path, document)).json()["data"]["attributes"][
        "subscriptions"
    ]["email"]["marketing"]
    assert shown == marketing(made)


def test_an_opt_out_shows_with_its_reason_and_its_list() -> None:
    made = subscribed()
    unsubscribe(made, "SINGLE")
    unsubscribe(made, None)
    shown = marketing(made)
    assert (shown["can_receive_email_marketing"], shown["consent"]) == (False, "UNSUBSCRIBED")
    assert [each["reason"] for each in shown["suppression"]] == ["UNSUBSCRIBE"]
    assert [each["list_id"] for each in shown["list_suppressions"]] == ["SINGLE"]


@pytest.mark.parametrize(
    ("reason", "stays"),
    [
        ("UNSUBSCRIBE", False),
        ("SPAM_COMPLAINT", False),
        ("USER_SUPPRESSED", False),
        ("HARD_BOUNCE", True),
    ],
)
def test_a_subscription_removes_the_suppressions_that_somebody_wanted(
    reason: str, stays: bool
) -> None:
    made = subscribed()
    made.suppress(ANN, reason)
    post(made, SUBSCRIBE, subscription_job(subscriber(), list_id="DOUBLE"))
    assert bool(marketing(made)["suppression"]) == stays
    assert len(made.reversals) == (not stays)


def test_a_consent_job_takes_its_time() -> None:
    """What is asked before sees the state of before."""
    clock = SteppedClock()
    made = Account(clock=clock, policy=Policy(consent_seconds=20.0))
    made.add_list("SINGLE", "News", "single_opt_in")
    post(made, SUBSCRIBE, subscription_job(subscriber(), list_id="SINGLE"))
    assert made.lists["SINGLE"].members == set()
    clock.step(20.0)
    assert len(made.lists["SINGLE"].members) == 1
    for _ in range(2):
        unsubscribe(made, "SINGLE")
    assert [each.consents for each in made.profiles] == [{EMAIL: "SUBSCRIBED"}]
    clock.step(20.0)
    assert [each.consents for each in made.profiles] == [{EMAIL: "UNSUBSCRIBED"}]
    assert len(made.withdrawn_everywhere) == 1


def test_whose_consent_was_widened_can_be_asked() -> None:
    made = subscribed()
    control(made, "POST", "opt-outs", {"email": ANN})
    assert control(made, "GET", "consents") == {"reversals": [], "withdrawn_everywhere": []}
    unsubscribe(made, "DOUBLE")
    post(made, SUBSCRIBE, subscription_job(subscriber(), list_id="SINGLE"))
    found = control(made, "GET", "consents")
    assert [(each["email"], each["consent"], each["list_id"]) for each in found["reversals"]] == [
        (ANN, EMAIL, "SINGLE")
    ]
    assert found["withdrawn_everywhere"] == [ANN]

"""`secret`: what is stored, what is kept, and when nothing is written."""

import json
from contextlib import nullcontext
from typing import Any

import boto3
import pytest

from cli.klaviyo.account import Owner, require_same_account
from cli.klaviyo.scopes import PROBES
from cli.stack import secret as stored
from cli.stack.secret import StoredSecret, begun, changed, check_key, ended, too_young
from cli.troubles import Misuse
from local.aws_stand_in.server import REGION
from local.klaviyo_stand_in import Account, serve
from tests.cli.calling import answer, call, on_a_terminal
from tests.cli.stacks import MakeStack
from tests.deployment import PRIVATE_KEY, SHARED_SECRET, Deployment

pytestmark = pytest.mark.usefixtures("no_secrets")

EVERY_SCOPE = {probe.scope for probe in PROBES}

BEFORE = {
    "klaviyo_private_key": PRIVATE_KEY,
    "segment_shared_secret": SHARED_SECRET,
    "ledger_key": "0123456789abcdef0123456789abcdef",
}

HARD = """ it's "quoted", \\back\\slashed, $HOME `x` größe """


@pytest.fixture(autouse=True)
def before(deployment: Deployment) -> None:
    stored.write(deployment.queues.secret_arn, BEFORE)


def content(deployment: Deployment) -> Any:
    manager = boto3.client("secretsmanager", region_name=REGION)
    found = manager.get_secret_value(SecretId=deployment.queues.secret_arn)
    manager.close()
    return json.loads(found["SecretString"])


def held(age: float | None = 3600.0, **fields: Any) -> StoredSecret:
    return StoredSecret("arn", {**BEFORE, **fields}, age)


def test_values_of_the_environment_are_stored(
    make_stack: MakeStack, deployment: Deployment
) -> None:
    variables = {"KLAVIYO_PRIVATE_KEY": f" {PRIVATE_KEY}\n", "SEGMENT_SHARED_SECRET": HARD}
    status, document = answer("secret", "set", "--stack", make_stack(), **variables)
    assert (status, document) == (
        0,
        {
            "written": ["klaviyo_private_key", "segment_shared_secret"],
            "account": "the account Stand-in (STNDIN, a test account)",
            "lacking_scopes": [],
        },
    )
    assert content(deployment) == {**BEFORE, "segment_shared_secret": HARD}


def test_values_are_asked_for_and_not_shown(make_stack: MakeStack, deployment: Deployment) -> None:
    status, shown = on_a_terminal(
        "secret", "set", "--stack", make_stack(), typed=(f"{PRIVATE_KEY}\n", f"{HARD}\n"),
        SEGMENT_SHARED_SECRET="",
    )  # fmt: skip
    assert status == 0
    assert "Klaviyo knows the key: the account Stand-in (STNDIN, a test account)." in shown
    assert PRIVATE_KEY not in shown
    assert "quoted" not in shown
    assert content(deployment) == {**BEFORE, "segment_shared_secret": HARD}


def test_enter_keeps_what_is_there(make_stack: MakeStack, deployment: Deployment) -> None:
    status, shown = on_a_terminal(
        "secret", "set", "--stack", make_stack(), typed=("\n", "\n"), SEGMENT_SHARED_SECRET=""
    )
    assert (status, "Nothing was changed." in shown) == (0, True)
    assert content(deployment) == BEFORE


def test_fields_of_others_stay(make_stack: MakeStack, deployment: Deployment) -> None:
    stored.write(deployment.queues.secret_arn, {**BEFORE, "further": [1]})
    call("secret", "set", "--stack", make_stack(), SEGMENT_SHARED_SECRET="another-one-entirely")
    expected = {**BEFORE, "segment_shared_secret": "another-one-entirely", "further": [1]}
    assert content(deployment) == expected


def test_missing_shared_secret_is_made_and_shown_on_a_terminal_only(
    make_stack: MakeStack, deployment: Deployment
) -> None:
    stored.write(deployment.queues.secret_arn, {**BEFORE, "segment_shared_secret": None})
    result = call("secret", "set", "--stack", make_stack())
    made = content(deployment)["segment_shared_secret"]
    assert (result.exit_code, len(made), made in result.output) == (0, 64, False)


def test_ledger_key_is_made_once(make_stack: MakeStack, deployment: Deployment) -> None:
    stored.write(deployment.queues.secret_arn, {**BEFORE, "ledger_key": None})
    name = make_stack()
    assert answer("secret", "set", "--stack", name)[1]["written"] == ["ledger_key"]
    made = content(deployment)["ledger_key"]
    assert answer("secret", "set", "--stack", name)[1]["written"] == []
    assert (len(made), content(deployment)["ledger_key"]) == (64, made)


@pytest.mark.parametrize(
    ("key", "said"),
    [
        ("Abc123", "a private key begins with pk_, and this is a public API key"),
        ("sk_1", "a private key begins with pk_, and this does not"),
        ("pk_1 2", "it has a character that no key has"),
        ("pk_1\u2013", "it has a character that no key has"),
    ],
)
def test_what_can_be_no_key_is_refused(key: str, said: str) -> None:
    with pytest.raises(Misuse, match=said):
        check_key(key)


def test_key_that_klaviyo_does_not_know_is_not_written(
    make_stack: MakeStack, deployment: Deployment
) -> None:
    result = call("secret", "set", "--stack", make_stack(), KLAVIYO_PRIVATE_KEY="pk_other")
    assert (result.exit_code, content(deployment)) == (3, BEFORE)
    assert "Klaviyo does not know the key (401)" in result.stderr


def test_scopes_that_are_lacking_are_named(make_stack: MakeStack) -> None:
    account = Account(keys={PRIVATE_KEY: EVERY_SCOPE - {"events:write"}})
    with serve(account) as url:
        status, document = answer("secret", "set", "--stack", make_stack(KlaviyoApiUrl=url))
    assert (status, document["lacking_scopes"]) == (1, ["events:write"])


def test_first_token_is_confirmed(make_stack: MakeStack, deployment: Deployment) -> None:
    name = make_stack()
    arguments = ("secret", "set", "--stack", name, "--webhook-token")
    assert call(*arguments, WEBHOOK_TOKEN="tok-1").exit_code == 2
    assert content(deployment) == BEFORE
    assert call(*arguments, "--yes", WEBHOOK_TOKEN="tok-1").exit_code == 0
    assert content(deployment) == {**BEFORE, "webhook_token": "tok-1"}


def test_rotation_keeps_both_until_it_is_finished(
    make_stack: MakeStack, deployment: Deployment
) -> None:
    rotate = ("secret", "rotate", "shared-secret", "--stack", make_stack())
    assert call(*rotate, SEGMENT_SHARED_SECRET="the-new-shared-secret").exit_code == 0
    both = ["the-new-shared-secret", SHARED_SECRET]
    assert content(deployment)["segment_shared_secret"] == both
    early = call(*rotate, "--finish")
    assert (early.exit_code, "functions keep it for five minutes" in early.stderr) == (2, True)
    assert call(*rotate, "--finish", "--yes").exit_code == 0
    assert content(deployment)["segment_shared_secret"] == "the-new-shared-secret"


def test_rotation_is_taken_back(make_stack: MakeStack, deployment: Deployment) -> None:
    rotate = ("secret", "rotate", "shared-secret", "--stack", make_stack())
    call(*rotate)
    assert call(*rotate, "--cancel", "--yes").exit_code == 0
    assert content(deployment) == BEFORE


@pytest.mark.parametrize(
    ("before", "new", "said"),
    [
        (held(), SHARED_SECRET, "the new value is the same as the old one"),
        (held(segment_shared_secret=["a", "b"]), "c", "is being rotated"),
        (held(segment_shared_secret=None), "c", "has no segment_shared_secret yet"),
    ],
)
def test_rotation_that_cannot_begin(before: StoredSecret, new: str, said: str) -> None:
    with pytest.raises(Misuse, match=said):
        begun(before, "segment_shared_secret", new)


def test_rotation_that_did_not_begin_cannot_end() -> None:
    with pytest.raises(Misuse, match="is not being rotated: the secret holds 1 of it"):
        ended(held(), "segment_shared_secret")


def test_unusable_change_is_refused_with_the_field() -> None:
    with pytest.raises(Misuse, match="webhook_token: expected a text"):
        changed(held(), {"webhook_token": ["t", " "]})


@pytest.mark.parametrize(("age", "wait"), [(None, 300.0), (10.0, 290.0), (300.0, 0.0)])
def test_functions_keep_a_secret_for_five_minutes(age: float | None, wait: float) -> None:
    assert too_young(held(age)) == wait


def test_key_is_replaced_at_once(make_stack: MakeStack, deployment: Deployment) -> None:
    with serve(Account(keys={PRIVATE_KEY, "pk_new"})) as url:
        rotate = ("secret", "rotate", "klaviyo-key", "--stack", make_stack(KlaviyoApiUrl=url))
        status, document = answer(*rotate, KLAVIYO_PRIVATE_KEY="pk_new")
    assert (status, document["written"]) == (0, ["klaviyo_private_key"])
    assert content(deployment)["klaviyo_private_key"] == "pk_new"


@pytest.mark.parametrize(
    ("new", "old", "is_refused"),
    [
        (Owner("Acme", "AbC123"), Owner("Acme", "AbC123"), False),
        (Owner("Acme", "AbC123"), Owner("Other", "XyZ789"), True),
        (Owner("Acme", "AbC123"), Owner(), False),
        (Owner(), Owner("Other", "XyZ789"), False),
    ],
)
def test_key_of_another_account_is_refused(new: Owner, old: Owner, is_refused: bool) -> None:
    with pytest.raises(Misuse) if is_refused else nullcontext():
        require_same_account(new, old)

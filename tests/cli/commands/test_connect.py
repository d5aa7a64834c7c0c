"""`connect`: what is made in Segment, what is changed there, and what stays."""

from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import pytest

from cli.examination.check import Health
from cli.examination.segment import mapping_check
from cli.segment.connection import Desired, lacking, types_of
from cli.stack.secret import write
from klaviyo_mapping.settings.settings import Settings
from local.segment_stand_in import Workspace, serve
from tests.cli.calling import answer, call
from tests.cli.stacks import MakeStack
from tests.deployment import SHARED_SECRET, Deployment

pytestmark = pytest.mark.usefixtures("no_secrets")

TOKEN = "sgp_test"

URL = "https://api.example/segment"

BOTH = 'type = "identify" or type = "track"'

MAPPING = {
    "url": URL,
    "method": "POST",
    "data": {"@path": "$."},
    "enable_batching": True,
    "batch_size": 1000,
}


@pytest.fixture
def workspace() -> Workspace:
    """A workspace with two sources."""
    made = Workspace(TOKEN)
    made.add_source("my-shop", "My shop")
    made.add_source("other", "My shop 2")
    return made


@pytest.fixture
def variables(workspace: Workspace) -> Iterator[dict[str, str]]:
    with serve(workspace) as url:
        yield {"SEGMENT_API_URL": url, "SEGMENT_TOKEN": TOKEN}


def connect(stack: str, *more: str) -> tuple[str, ...]:
    return ("connect", "--stack", stack, "--source", "my-shop", "--yes", *more)


def source_of(workspace: Workspace) -> str:
    return next(iter(workspace.sources))


def changes(document: Any) -> dict[str, Any]:
    return {
        f"{change['action']} {change['what']}": {
            name: tuple(field.values()) for name, field in change["fields"].items()
        }
        for change in document["changes"]
    }


def test_destination_and_mapping_are_made(
    workspace: Workspace, variables: dict[str, str], make_stack: MakeStack
) -> None:
    stack = make_stack()
    status, document = answer(*connect(stack), **variables)
    assert (status, document["dry_run"], document["source"]) == (0, False, source_of(workspace))
    assert changes(document) == {
        "create destination": {
            "name": (None, f"Klaviyo ({stack})"),
            "enabled": (None, True),
            "sharedSecret": (None, "(a secret)"),
        },
        "create mapping": {
            "name": (None, "Send"),
            "trigger": (None, BOTH),
            "enabled": (None, True),
            **{name: (None, value) for name, value in MAPPING.items()},
        },
    }
    [destination] = workspace.destinations.values()
    [mapping] = workspace.subscriptions.values()
    assert destination["settings"] == {"sharedSecret": SHARED_SECRET}
    assert (mapping["trigger"], mapping["settings"]) == (BOTH, MAPPING)
    assert answer(*connect(stack), **variables)[1]["changes"] == []


def test_dry_run_changes_nothing(
    workspace: Workspace, variables: dict[str, str], make_stack: MakeStack
) -> None:
    result = call(*connect(make_stack(), "--dry-run"), **variables)
    assert result.exit_code == 0
    assert f"trigger: {BOTH}" in result.stdout
    assert result.stdout.endswith("\n\nNothing was changed.\n")
    assert SHARED_SECRET not in result.output
    assert {each.method for each in workspace.exchanges} == {"GET"}


def test_choices_of_the_customer_stay(
    workspace: Workspace, variables: dict[str, str], make_stack: MakeStack
) -> None:
    narrow = f'({BOTH}) and event != "Heartbeat"'
    destination = workspace.add_webhook(
        source_of(workspace), "Ours", {"sharedSecret": "old", "further": 1}
    )
    settings = {**MAPPING, "batch_size": "500", "headers": {"X-Team": "crm"}}
    workspace.add_mapping(destination, narrow, settings)
    _, document = answer(*connect(make_stack()), **variables)
    assert changes(document) == {
        "update destination": {"sharedSecret": ("(a secret)", "(a secret)")}
    }
    assert workspace.destinations[destination]["settings"] == {
        "sharedSecret": SHARED_SECRET,
        "further": 1,
    }


def test_mapping_is_brought_up_to_date(
    workspace: Workspace,
    variables: dict[str, str],
    make_stack: MakeStack,
    deployment: Deployment,
) -> None:
    secret = {"segment_shared_secret": SHARED_SECRET, "webhook_token": ["tok-1", "tok-0"]}
    write(deployment.queues.secret_arn, secret)
    destination = workspace.add_webhook(
        source_of(workspace), "Ours", {"sharedSecret": SHARED_SECRET}, enabled=False
    )
    settings = {**MAPPING, "enable_batching": False, "headers": {"X-Team": "crm"}}
    mapping = workspace.add_mapping(destination, 'type = "track"', settings)
    stack = make_stack(ForwardDeletions="true")
    arguments = connect(stack, "--batch-size", "250")
    _, document = answer(*arguments, **variables)
    wanted = f'{BOTH} or type = "delete"'
    assert changes(document) == {
        "update destination": {"enabled": (False, True)},
        "update mapping": {
            "trigger": ('type = "track"', wanted),
            "enable_batching": (False, True),
            "batch_size": (1000, 250),
            "header Authorization": (None, "(a secret)"),
        },
    }
    assert workspace.subscriptions[mapping]["settings"]["headers"] == {
        "X-Team": "crm",
        "Authorization": "Bearer tok-1",
    }


def test_other_webhooks_of_the_source_are_left_as_they_are(
    workspace: Workspace, variables: dict[str, str], make_stack: MakeStack
) -> None:
    other = workspace.add_webhook(source_of(workspace), "Analytics", {})
    workspace.add_mapping(other, 'type = "track"', {**MAPPING, "url": "https://other.example"})
    call(*connect(make_stack()), **variables)
    assert len(workspace.destinations) == 2
    assert workspace.destinations[other]["settings"] == {}


@pytest.mark.parametrize(
    ("url", "is_enabled", "expected"),
    [
        pytest.param("https://other.example/segment", True, ["Shop (dev)"], id="another stack"),
        pytest.param("https://other.example/segment", False, [], id="one that is disabled"),
        pytest.param("https://other.example/analytics", True, [], id="something else"),
        pytest.param("https://[HOST]/segment", True, [], id="a template's host"),
        pytest.param("https://[HOST/segment", True, [], id="no URL"),
        pytest.param(URL, True, [], id="this stack, once more"),
    ],
)
def test_second_stack_on_the_same_source_is_named(
    url: str,
    is_enabled: bool,
    expected: list[str],
    workspace: Workspace,
    variables: dict[str, str],
    make_stack: MakeStack,
) -> None:
    other = workspace.add_webhook(source_of(workspace), "Shop (dev)", {}, is_enabled)
    workspace.add_mapping(other, BOTH, {**MAPPING, "url": url})
    elsewhere = workspace.add_webhook("src2", "Of another source", {})
    workspace.add_mapping(elsewhere, BOTH, {**MAPPING, "url": "https://other.example/segment"})
    stack = make_stack()
    assert answer(*connect(stack, "--dry-run"), **variables)[1]["others"] == expected
    result = call(*connect(stack), **variables)
    assert ("Shop (dev) looks like another stack" in result.stderr) == bool(expected)
    document = answer("doctor", "--stack", stack, **variables)[1]
    found = [each["found"] for each in document["checks"] if each["name"] == "Segment"]
    assert [each.split(":")[0] for each in found if "looks like another stack" in each] == expected


def test_destination_of_the_same_stack_at_its_former_host_is_no_second_stack(
    workspace: Workspace, variables: dict[str, str], make_stack: MakeStack
) -> None:
    stack = make_stack()
    ours = workspace.add_webhook(source_of(workspace), f"Klaviyo ({stack})", {})
    mapping = workspace.add_mapping(
        ours, BOTH, {**MAPPING, "url": "https://former.example/segment"}
    )
    assert answer(*connect(stack), **variables)[1]["others"] == []
    assert workspace.subscriptions[mapping]["settings"]["url"] == URL


def test_doctor_names_a_second_stack_once_for_each_source(
    workspace: Workspace, variables: dict[str, str], make_stack: MakeStack
) -> None:
    for source, name in (("src1", "A (dev)"), ("src2", "B (dev)")):
        ours = workspace.add_webhook(source, "Ours", {})
        workspace.add_mapping(ours, 'type = "identify"', MAPPING)
        workspace.add_mapping(ours, 'type = "track"', MAPPING)
        other = workspace.add_webhook(source, name, {})
        workspace.add_mapping(other, BOTH, {**MAPPING, "url": "https://other.example/segment"})
    document = answer("doctor", "--stack", make_stack(), **variables)[1]
    found = [each["found"] for each in document["checks"] if each["name"] == "Segment"]
    named = [each.split(":")[0] for each in found if "looks like another stack" in each]
    assert named == ["A (dev)", "B (dev)"]


@pytest.mark.parametrize(
    ("wanted", "status", "said"),
    [
        ("MY SHOP", 0, ""),
        ("nothing", 2, "there is no source nothing; there are my-shop (src1), other (src2)"),
    ],
)
def test_source_is_found_by_slug_or_name(
    wanted: str,
    status: int,
    said: str,
    variables: dict[str, str],
    make_stack: MakeStack,
) -> None:
    arguments = ("connect", "--stack", make_stack(), "--source", wanted, "--dry-run")
    result = call(*arguments, **variables)
    assert (result.exit_code, said in result.stderr) == (status, True)


def test_source_that_is_not_one_is_refused(
    workspace: Workspace, variables: dict[str, str], make_stack: MakeStack
) -> None:
    workspace.add_source("my-shop-2", "my shop")
    arguments = ("connect", "--stack", make_stack(), "--source", "My shop", "--dry-run")
    result = call(*arguments, **variables)
    assert (result.exit_code, "matches several sources" in result.stderr) == (2, True)


def test_steps_by_hand_are_printed_where_segment_refuses(
    variables: dict[str, str], make_stack: MakeStack
) -> None:
    workspace = Workspace(TOKEN, has_alpha=False)
    workspace.add_webhook(workspace.add_source("my-shop", "My shop"), "Ours", {})
    with serve(workspace) as url:
        result = call(*connect(make_stack()), **{**variables, "SEGMENT_API_URL": url})
    assert result.exit_code == 3
    assert f'3. Mappings: add "Send", with the trigger {BOTH}' in result.stderr
    assert "the token may not do this (403)" in result.stderr


def test_wrong_token_is_told(variables: dict[str, str], make_stack: MakeStack) -> None:
    result = call(*connect(make_stack()), **{**variables, "SEGMENT_TOKEN": "sgp_other"})
    assert result.exit_code == 3
    assert "Segment does not know the token (401)" in result.stderr


def test_it_waits_where_segment_throttles(
    workspace: Workspace, variables: dict[str, str], make_stack: MakeStack
) -> None:
    workspace.throttled = 1
    result = call(*connect(make_stack(), "--dry-run"), **variables)
    assert (result.exit_code, "Segment throttles: waiting 1 s …" in result.stderr) == (0, True)


def test_it_asks_before_it_changes_anything(
    workspace: Workspace, variables: dict[str, str], make_stack: MakeStack
) -> None:
    arguments = ("connect", "--stack", make_stack(), "--source", "my-shop")
    assert call(*arguments, **variables).exit_code == 2
    assert workspace.destinations == {}


@pytest.mark.parametrize(
    ("settings", "expected"),
    [
        (Settings(), ("identify", "track")),
        (
            Settings(forward_deletions=True, forward_aliases=True, forward_types=("page",)),
            ("identify", "track", "delete", "alias", "page"),
        ),
    ],
)
def test_types_are_those_that_the_settings_map(
    settings: Settings, expected: tuple[str, ...]
) -> None:
    assert types_of(settings) == expected
    trigger = Desired("n", URL, expected, "s").trigger
    assert trigger == " or ".join(f'type = "{each}"' for each in expected)
    assert lacking(trigger, expected) == []


@pytest.mark.parametrize(
    ("trigger", "expected"),
    [
        (BOTH, []),
        ('type = "track"', ["identify"]),
        ("type='identify'or type ='track'", []),
        ('event = "Order Completed"', []),
    ],
)
def test_trigger_may_leave_out_no_type(trigger: str, expected: list[str]) -> None:
    assert lacking(trigger, ("identify", "track")) == expected


DESTINATION = {"id": "dst1", "name": "Ours", "enabled": True}
GOOD = {"enabled": True, "trigger": BOTH, "settings": MAPPING}


@pytest.mark.parametrize(
    ("destination", "mapping", "has_token", "expected"),
    [
        ({}, {}, False, (Health.GOOD, f"Ours: {BOTH}, batches of 1000")),
        ({"enabled": False}, {}, False, (Health.BAD, "Ours: not enabled")),
        ({}, {"enabled": False}, False, (Health.BAD, "Ours: not enabled")),
        (
            {},
            {},
            True,
            (Health.BAD, "Ours: no header Authorization, and a webhook token is required"),
        ),
        (
            {},
            {"settings": {**MAPPING, "headers": {"authorization": "Bearer t"}}},
            True,
            (Health.GOOD, f"Ours: {BOTH}, batches of 1000, with the header"),
        ),
        (
            {},
            {"trigger": 'type = "track"'},
            False,
            (Health.DOUBTFUL, "Ours: the trigger leaves out identify"),
        ),
        (
            {},
            {"settings": {**MAPPING, "enable_batching": False}},
            False,
            (Health.DOUBTFUL, "Ours: batching is off"),
        ),
        (
            {},
            {"settings": {**MAPPING, "batch_size": "5"}},
            False,
            (Health.DOUBTFUL, "Ours: batch size 5"),
        ),
    ],
)
def test_doctor_judges_a_mapping(
    destination: dict[str, Any],
    mapping: dict[str, Any],
    has_token: bool,
    expected: tuple[Health, str],
) -> None:
    check = mapping_check(DESTINATION | destination, GOOD | mapping, Settings(), has_token, "")
    assert (check.health, check.found) == expected


def test_doctor_looks_at_segment_with_a_token(
    workspace: Workspace, variables: dict[str, str], make_stack: MakeStack
) -> None:
    stack = make_stack()
    for expected in ("no mapping posts to the webhook", f"{BOTH}, batches of 1000"):
        document = answer("doctor", "--stack", stack, **variables)[1]
        [found] = [each["found"] for each in document["checks"] if each["name"] == "Segment"]
        assert expected in found
        call(*connect(stack), **variables)


def test_doctor_says_that_segment_was_not_looked_at(make_stack: MakeStack) -> None:
    document = answer("doctor", "--stack", make_stack())[1]
    [found] = [each for each in document["checks"] if each["name"] == "Segment"]
    said = "not checked: SEGMENT_TOKEN is not set"
    assert (found["health"], found["found"]) == ("skipped", said)


def test_repr_holds_no_secret() -> None:
    assert "s3cret" not in repr(replace(Desired("n", URL, (), "s3cret"), token="s3cret"))

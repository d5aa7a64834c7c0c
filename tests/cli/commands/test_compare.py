"""`compare`: what an archive would change in an account, and that nothing is sent."""

import json
from collections import Counter
from pathlib import Path
from typing import Any

import pytest
from msgspec.structs import replace

from cli.comparison.account import Holdings
from cli.comparison.difference import ChangedType, Difference, NewName, Renamed, difference
from cli.comparison.facts import Facts, resembling, type_of
from cli.klaviyo.scopes import PROBES
from local.klaviyo_stand_in import Account, serve
from operations import CheckImport, to_json
from tests.cli.calling import answer, call, lines
from tests.cli.stacks import MakeStack
from tests.deployment import PRIVATE_KEY, Deployment
from tests.handler.calls import call as signed
from tests.handler.calls import identify, order, track
from tests.klaviyo_client.fakes import event

pytestmark = pytest.mark.usefixtures("no_secrets")

PLACED = 'SEND_PLACED_ORDER_AS_ORDER_COMPLETED=false: it is "Placed Order" then'

MESSAGES = [
    identify(1, traits={"email": "a@shop.io", "plan": "pro", "age": "41", "favoriteColor": "red"}),
    track(1, event="Item Added", properties={"email": "a@shop.io", "price": "9.95"}),
    track(2, event="Item added", properties={"email": "a@shop.io"}),
    order(3),
    {"type": "page", "messageId": "p-1", "userId": "u", "name": "Home"},
    {"type": "track", "messageId": "t-9", "event": ["x"]},
]


@pytest.fixture
def archive(tmp_path: Path) -> str:
    file = tmp_path / "archive.jsonl"
    file.write_text("\n".join(map(json.dumps, MESSAGES)))
    return str(file)


@pytest.fixture
def held(deployment: Deployment) -> Account:
    """An account that somebody has used: people, an event, metrics that flows listen to."""
    person = {"email": "b@shop.io", "plan": "free", "age": 41, "favorite_color": "blue"}
    deployment.webhook(signed(identify(7, traits=person)))
    properties = {"email": "b@shop.io", "price": 9.95}
    deployment.webhook(signed(track(7, event="Item Added", properties=properties)))
    for name in ("Placed Order", "Viewed Page", "Item_Added"):
        deployment.account.add_metric(name)
    return deployment.account


def test_what_would_change_is_said(archive: str, held: Account, make_stack: MakeStack) -> None:
    before = held.events_sent
    status, document = answer("compare", "--stack", make_stack(), archive)
    assert (status, document) == (
        1,
        {
            "messages": 6,
            "mapped": 4,
            "dropped": {"unsupported_type": 1},
            "rejected": {"invalid_message: event": 1},
            "sampled_people": 1,
            "go_on": {"Item Added": 1},
            "new": [
                {"name": "Ordered Product", "number": 2, "resembles": None, "setting": None},
                {"name": "Item added", "number": 1, "resembles": "Item Added", "setting": None},
                {
                    "name": "Order Completed",
                    "number": 1,
                    "resembles": None,
                    "setting": PLACED,
                },
            ],
            "stop": ["Item_Added", "Placed Order", "Viewed Page"],
            "other_integrations": 0,
            "renamed": [{"name": "favoriteColor", "before": "favorite_color", "metric": None}],
            "changed": [
                {"name": "age", "before": "number", "after": "text", "metric": None},
                {"name": "price", "before": "number", "after": "text", "metric": "Item Added"},
            ],
            "new_properties": [],
            "missing_lists": [],
        },
    )
    assert (held.events_sent, len(held.profiles)) == (before, 1)


def test_table_says_what_to_do(archive: str, held: Account, make_stack: MakeStack) -> None:
    shown = lines(call("compare", "--stack", make_stack(ListId="NoSuch"), archive))
    assert (
        'new Item added 1 the account has "Item Added": a flow may listen to the old name'
    ) in shown
    assert "stops Viewed Page – no message of the archive makes it" in shown
    assert "age of people number in Klaviyo, text from now on" in shown
    assert "list NoSuch is not in the account" in shown
    assert shown[-1] == "Flows, segments or reports may have to change. Nothing was sent."


def test_setting_that_keeps_a_name_makes_it_go_on(
    archive: str, held: Account, make_stack: MakeStack
) -> None:
    arguments = ("compare", "--stack", make_stack(), "--ecommerce-metrics", "klaviyo", archive)
    assert answer(*arguments)[1]["go_on"]["Placed Order"] == 1


def test_events_are_not_looked_at_without_the_scope(archive: str, make_stack: MakeStack) -> None:
    scopes = {probe.scope for probe in PROBES} | {"metrics:read"}
    with serve(Account(keys={PRIVATE_KEY: scopes})) as url:
        result = call("compare", "--stack", make_stack(KlaviyoApiUrl=url), archive)
    assert result.exit_code == 0
    assert "Properties of events were not: the key lacks events:read." in result.stdout


def test_missing_scope_is_named(archive: str, make_stack: MakeStack) -> None:
    scopes = {probe.scope for probe in PROBES} | {"events:read"}
    with serve(Account(keys={PRIVATE_KEY: scopes})) as url:
        result = call("compare", "--stack", make_stack(KlaviyoApiUrl=url), archive)
    assert (result.exit_code, "the key lacks metrics:read" in result.stderr) == (3, True)


def test_each_message_is_judged_as_a_backfill_judges_it(
    tmp_path: Path, held: Account, make_stack: MakeStack
) -> None:
    """Also an event without a time, which a backfill cannot send; and what only it leaves out."""
    timeless = {name: value for name, value in track(1).items() if name != "timestamp"}
    personas = {"computation_class": "audience", "computation_key": "vips"}
    properties = {"email": "a@shop.io", "vips": True}
    person = {"userId": "p1@shop.io"}
    operation = replace(event(1), time=None)
    texts = [
        *map(json.dumps, MESSAGES),
        json.dumps(timeless),
        json.dumps(track(4, properties=properties, context={"personas": personas})),
        json.dumps({"type": "delete", "messageId": "d", **person}),
        json.dumps({"type": "alias", "messageId": "a", **person, "previousId": "p2@shop.io"}),
        json.dumps({"operation": to_json(operation), "reason": {"code": "refused"}}),
        json.dumps({"operation": to_json(CheckImport("m", "job")), "reason": {"code": "refused"}}),
        "7",
        "{oops",
    ]
    file = tmp_path / "archive.jsonl"
    file.write_text("\n".join(texts))
    options = ("--stack", make_stack(), "--audience-lists", "auto", "--forward-deletions")
    arguments = (*options, "--forward-aliases", file)
    _, compared = answer("compare", *arguments)
    _, filled = answer("backfill", "--dry-run", "--with-lists", "--with-consent", *arguments)
    assert compared["rejected"] == {
        "invalid_message: event": 1,
        "missing_time": 2,
        "unreadable": 2,
    }
    by_code: Counter[str] = Counter()
    for named, number in compared["rejected"].items():
        by_code[named.partition(":")[0]] += number
    judged = (compared["messages"], compared["mapped"], compared["dropped"], by_code)
    assert judged == (filled["messages"], filled["mapped"], filled["left_out"], filled["rejected"])
    assert sum(filled["would_deliver"].values()) > 0


def test_archive_without_a_message_is_refused(tmp_path: Path, make_stack: MakeStack) -> None:
    (tmp_path / "empty.jsonl").write_text("\n")
    result = call("compare", "--stack", make_stack(), tmp_path / "empty.jsonl")
    assert (result.exit_code, "the archive has no messages" in result.stderr) == (2, True)


def facts(metrics: dict[str, int], **people: Any) -> Facts:
    found = Facts(dict(metrics))
    found.people.add(people)
    return found


@pytest.mark.parametrize(
    ("archive", "account", "expected"),
    [
        (facts({"A": 1}), Holdings(facts({"A": 0})), Difference(go_on={"A": 1})),
        (facts({"A": 1}), Holdings(Facts(), {"A"}), Difference({"A": 1}, other_integrations=1)),
        (facts({"A": 1}), Holdings(), Difference(new=[NewName("A", 1)])),
        (facts({}), Holdings(facts({"A": 0})), Difference(stop=["A"])),
        (facts({}), Holdings(Facts(), {"A"}), Difference(other_integrations=1)),
        (
            facts({}, plan=1),
            Holdings(facts({}, plan="1")),
            Difference(changed=[ChangedType("plan", "text", "number")]),
        ),
        (
            facts({}, plan_name="x"),
            Holdings(facts({}, planName="x")),
            Difference(renamed=[Renamed("plan_name", "planName")]),
        ),
        (facts({}, plan="x"), Holdings(facts({}, b=1)), Difference(new_properties=["plan"])),
        (facts({}, plan="x"), Holdings(), Difference()),
        (
            Facts(lists={"L1": "L1", "News": "News", "gone": "gone"}),
            Holdings(Facts(lists={"L1": "a", "L2": "News"})),
            Difference(missing_lists=["gone"]),
        ),
    ],
)
def test_the_difference_of(archive: Facts, account: Holdings, expected: Difference) -> None:
    assert difference(archive, account, {}) == expected


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        (True, "true or false"),
        (1.5, "number"),
        ("1", "text"),
        ([1], "list"),
        ({"a": 1}, "object"),
        (None, None),
    ],
)
def test_the_type_of(value: Any, expected: str | None) -> None:
    assert type_of(value) == expected


def test_resembling_names_differ_in_case_and_marks_only() -> None:
    there = {"Order Completed": 0, "Placed Order": 0}
    assert resembling("order_completed", there) == "Order Completed"
    assert resembling("Order Completed", there) is None
    assert resembling("Orders Completed", there) is None

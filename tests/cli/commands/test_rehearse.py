"""`rehearse`: what is promised is compared, nobody else is touched, and nobody is left behind."""

import json
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from typing import Any

import pytest

from cli.klaviyo.account import KlaviyoAccount
from cli.klaviyo.asking import Inquirer
from cli.klaviyo.scopes import PROBES
from cli.rehearsal.messages import MARK, address_for, messages
from cli.rehearsal.promise import Promise, promise
from cli.rehearsal.reality import MailingList, Reality, RecordedEvent, Witness
from cli.rehearsal.row_by_row import Row, compare
from cli.rehearsal.run import Rehearsal
from cli.segment.webhook import Webhook, WebhookAnswer
from cli.troubles import Misuse, Trouble
from klaviyo_mapping.settings.settings import Settings
from local.documenting.own_run import run, until
from local.klaviyo_stand_in import Account, Weather, serve
from operations import AddToList, CreateEvent, Identity, Subscribe, UpsertProfile
from tests.cli.calling import answer, call
from tests.cli.stacks import MakeStack
from tests.deployment import PRIVATE_KEY, Deployment
from tests.handler.calls import call as signed

pytestmark = pytest.mark.usefixtures("no_secrets")

ADDRESS = "nobody+rehearsal@acme-store.example"
ITSELF = "nobody@acme-store.example"
"""An address that a rehearsal takes as it is."""

NOW = datetime(2026, 11, 26, 12, tzinfo=UTC)

READING = {"events:read", "metrics:read", "data-privacy:write"}
EVERY_SCOPE = {probe.scope for probe in PROBES} | READING | {"accounts:read"}


@pytest.fixture(autouse=True)
def _looks_often(monkeypatch: pytest.MonkeyPatch) -> None:
    """The stand-in shows at once what it holds."""
    monkeypatch.setattr("cli.rehearsal.run.LOOK_SECONDS", 0.2)


@pytest.fixture(scope="module")
def run_folder(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The folder of a `make run` with lists and consents, which learns of deletions."""
    folder = str(tmp_path_factory.mktemp("run"))
    settings = {"LIST_ID": "WmB7kT", "CONSENT_EVENTS": "true", "FORWARD_DELETIONS": "true"}
    process = run(RUN_FOLDER=folder, **settings)
    try:
        assert process.stdout is not None
        until("Serving until Ctrl-C", process.stdout)
        yield folder
    finally:
        process.kill()
        process.communicate()


@pytest.mark.usefixtures("aws_variables")
@pytest.mark.parametrize(
    "address",
    [
        # Each rehearsal has an address of its own.
        ADDRESS,
        # The destination learns of the deletion, and subscribes the same address anew.
        ITSELF,
    ],
)
def test_make_run_keeps_every_promise_twice(address: str, run_folder: str) -> None:
    folder = {"RUN_FOLDER": run_folder}
    arguments = ("rehearse", "--local", "--yes", address)
    status, document = answer(*arguments, **folder)
    assert [row for row in document["rows"] if not row["holds"]] == []
    facts = {row["what"]: (row["promised"], row["actual"]) for row in document["rows"]}
    assert (status, document["holds"], document["is_gone"]) == (0, True, True)
    assert facts["first_name"] == ("Second", "Second")
    assert facts['"Ordered Product", each sent twice'] == ("2 recorded", "2 recorded")
    assert facts["list Customers (single_opt_in)"] == ("on it, SUBSCRIBED",) * 2
    assert answer(*arguments, "--no-order", **folder)[0] == 0
    left = call("rehearse", "--local", "--clean-up", document["address"], **folder)
    assert left.stdout == "Nobody in Klaviyo has the address.\n"


@pytest.mark.parametrize(
    ("address", "expected"),
    [
        ("you+rehearsal@your-company.com", "you+rehearsal-abcdef@your-company.com"),
        ("you@your-company.com", "you@your-company.com"),
        ('"a@b"@your-company.com', '"a@b"@your-company.com'),
    ],
)
def test_address_with_a_plus_is_another_one_each_time(address: str, expected: str) -> None:
    assert address_for("rehearsal-123456abcdef", address) == expected


@pytest.mark.parametrize(
    ("address", "parameters", "warns"),
    [
        (ITSELF, {"ListId": "Y6nRLr"}, True),
        (ITSELF, {"ListId": "Y6nRLr", "ForwardDeletions": "true"}, False),
        (ITSELF, {}, False),
        (ADDRESS, {"ListId": "Y6nRLr"}, False),
    ],
)
def test_address_that_may_wait_for_its_consent_is_told_before_anything_is_sent(
    address: str, parameters: dict[str, str], warns: bool, make_stack: MakeStack
) -> None:
    said = call("rehearse", "--stack", make_stack(**parameters), address).stderr
    assert ("subscribes an address once in half an hour" in said) == warns


class Door(Webhook):
    """The deployment's own webhook function, without HTTP; `before` sees each body first."""

    def __init__(self, deployment: Deployment, before: Callable[[list[Any]], None]) -> None:
        self._deployment = deployment
        self._before = before

    def post(self, body: bytes) -> WebhookAnswer:
        sent = json.loads(body)
        self._before(sent)
        status, document = self._deployment.webhook(signed(sent))
        return WebhookAnswer(status, 1, document)


class Clock:
    """A clock that moves only while somebody sleeps."""

    def __init__(self) -> None:
        self.seconds = 0.0

    def __call__(self) -> float:
        return self.seconds

    def sleep(self, seconds: float) -> None:
        self.seconds += seconds


def rehearsal(
    deployment: Deployment,
    before: Callable[[list[Any]], None] = lambda sent: None,
    sleep: Callable[[float], None] | None = None,
    say: Callable[[str], None] = lambda text: None,
) -> Rehearsal:
    inquirer = Inquirer(deployment.variables["KLAVIYO_API_URL"], PRIVATE_KEY, lambda seconds: None)
    clock = Clock()
    return Rehearsal(
        Door(deployment, before),
        Witness(KlaviyoAccount(inquirer), ADDRESS),
        10.0,
        say,
        "`rehearse --clean-up`",
        sleep or clock.sleep,
        clock,
    )


SENT = messages("rehearsal-1", ADDRESS, Settings(), NOW, with_order=True)
PROMISED = promise(SENT, Settings(), NOW)


def test_event_that_counts_twice_breaks_a_promise(deployment: Deployment) -> None:
    turns: list[int] = []

    def rename(sent: list[Any]) -> None:
        turns.append(1)
        sent[1]["messageId"] += f"-{len(turns)}"

    outcome = rehearsal(deployment, rename).carry_out(SENT, PROMISED)
    broken = [row.what for row in outcome.rows if not row.holds]
    assert (outcome.holds, outcome.is_gone) == (False, True)
    assert broken == ['"Test Event", each sent twice', '"Test Event" rehearsal-1-2']
    assert list(deployment.account.profiles) == []


def test_person_is_deleted_when_the_webhook_refuses(deployment: Deployment) -> None:
    turns: list[int] = []

    def refuse(sent: list[Any]) -> None:
        turns.append(1)
        if len(turns) == 2:
            raise Trouble("the webhook is gone")

    with pytest.raises(Trouble):
        rehearsal(deployment, refuse).carry_out(SENT, PROMISED)
    assert (list(deployment.account.profiles), len(deployment.account.deleted)) == ([], 1)


def test_person_is_deleted_after_ctrl_c(deployment: Deployment) -> None:
    pauses: list[float] = []

    def interrupt(seconds: float) -> None:
        pauses.append(seconds)
        if len(pauses) == 1:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        rehearsal(deployment, sleep=interrupt).carry_out(SENT, PROMISED)
    assert (list(deployment.account.profiles), len(deployment.account.deleted)) == ([], 1)


def test_person_that_cannot_be_deleted_is_told_beside_the_trouble(deployment: Deployment) -> None:
    said: list[str] = []

    def go_down(sent: list[Any]) -> None:
        if said[-1:] == ["Sent: 200, 4 delivered."]:
            deployment.account.set_weather(Weather(down=True))

    with pytest.raises(Trouble, match="Klaviyo answers get_profiles with 503"):
        rehearsal(deployment, go_down, say=said.append).carry_out(SENT, PROMISED)
    assert said[-1].startswith("The person is not deleted: Klaviyo answers get_profiles with 503")
    assert said[-3].startswith("Something waits in the retry queue, and may make the person anew")


def test_others_are_left_as_they_are(deployment: Deployment, make_stack: MakeStack) -> None:
    assert deployment.webhook(signed({**SENT[0], "traits": {"email": "bob@shop.io"}}))[0] == 200
    assert rehearsal(deployment).carry_out(SENT, PROMISED).holds
    assert [each.email for each in deployment.account.profiles] == ["bob@shop.io"]


@pytest.mark.parametrize("arguments", [("--yes",), ("--clean-up",)])
def test_somebody_who_is_there_is_not_touched(
    arguments: tuple[str, ...], deployment: Deployment, make_stack: MakeStack
) -> None:
    deployment.webhook(signed({**SENT[0], "traits": {"email": ITSELF}}))
    result = call("rehearse", "--stack", make_stack(), ITSELF, *arguments)
    assert result.exit_code == 2
    assert [each.email for each in deployment.account.profiles] == [ITSELF]
    assert deployment.account.events == []


def test_what_an_earlier_one_left_is_cleaned_up(
    deployment: Deployment, make_stack: MakeStack
) -> None:
    deployment.webhook(signed({**SENT[0], "traits": {"email": ITSELF, MARK: "rehearsal-0"}}))
    name = make_stack()
    result = call("rehearse", "--stack", name, ITSELF, "--yes")
    remedy = f"rehearse --stack {name} --clean-up {ITSELF}`"
    assert (result.exit_code, remedy in result.stderr) == (2, True)
    assert call("rehearse", "--stack", name, ITSELF, "--clean-up").exit_code == 0
    assert list(deployment.account.profiles) == []


@pytest.mark.parametrize("lacking", sorted(READING))
def test_nothing_is_sent_with_a_key_that_could_not_clean_up(
    lacking: str, make_stack: MakeStack
) -> None:
    account = Account(keys={PRIVATE_KEY: EVERY_SCOPE - {lacking}})
    with serve(account) as url:
        result = call("rehearse", "--stack", make_stack(KlaviyoApiUrl=url), ADDRESS, "--yes")
    assert (result.exit_code, account.events_sent, len(account.profiles)) == (3, 0, 0)
    assert f"nothing was sent: the key lacks {lacking}" in result.stderr


def test_a_key_of_its_own_reads_and_deletes(make_stack: MakeStack) -> None:
    keys = {PRIVATE_KEY: EVERY_SCOPE - READING, "pk_reads": EVERY_SCOPE}
    with serve(Account(keys=keys)) as url:
        name = make_stack(KlaviyoApiUrl=url)
        arguments = ("rehearse", "--stack", name, ADDRESS, "--clean-up")
        assert call(*arguments, KLAVIYO_REHEARSAL_KEY="pk_reads").exit_code == 0


def test_it_asks_before_it_sends(deployment: Deployment, make_stack: MakeStack) -> None:
    result = call("rehearse", "--stack", make_stack(ListId="Y6nRLr"), ADDRESS)
    assert (result.exit_code, deployment.account.events_sent) == (2, 0)
    assert "Flows that begin with Test Event, Order Completed, Ordered Product run" in result.stderr
    assert "Klaviyo may send the address a question to confirm" in result.stderr


def test_word_that_is_no_address_is_refused() -> None:
    assert call("rehearse", "you").exit_code == 2


def test_promise_is_what_the_mapping_makes_of_the_messages() -> None:
    settings = Settings(list_id="Y6nRLr", consent_events=True, enforce_email=False)
    found = promise(messages("r", ADDRESS, settings, NOW, with_order=False), settings, NOW)
    assert (found.profile["first_name"], found.profile["external_id"]) == ("Second", "r")
    assert (found.metrics, list(found.subscribes), found.dropped) == (
        ["Test Event", "User Subscribed"],
        ["Y6nRLr"],
        {},
    )


PERSON = Identity(email="ann@shop.io")
EVENT = CreateEvent("m", PERSON, "Seen", "u1", {"a": 1, "b": ["x"]}, value=2)


def promised(*operations: Any) -> Promise:
    found = Promise()
    for operation in operations:
        found.take(operation)
    return found


def recorded(**changes: Any) -> RecordedEvent:
    return RecordedEvent("Seen", {"$event_id": "u1", "$value": 2.0, "a": 1, "b": ["x"], **changes})


ROWS: dict[str, tuple[Any, Reality, list[Row]]] = {
    "an attribute that differs": (
        UpsertProfile("m", PERSON, {"title": "Dr"}),
        Reality("1", {"email": "ANN@shop.io", "title": None}),
        [
            Row("email", "ann@shop.io", "ANN@shop.io", True),
            Row("title", "Dr", "–", False),
        ],
    ),
    "a number that became a text": (
        UpsertProfile("m", Identity(), {}, {"n": 1}),
        Reality("1", {"properties.n": "1"}),
        [Row("properties.n", "1", "1", False)],
    ),
    "a truth that became a number": (
        UpsertProfile("m", Identity(), {}, {"n": True}),
        Reality("1", {"properties.n": 1}),
        [Row("properties.n", "true", "1", False)],
    ),
    "an event as promised": (
        EVENT,
        Reality("1", {}, (recorded(),)),
        [
            Row('"Seen", each sent twice', "1 recorded", "1 recorded", True),
            Row('"Seen" u1', "2 properties, value 2", "the same", True),
        ],
    ),
    "an event of which id and value are not shown": (
        EVENT,
        Reality("1", {}, (RecordedEvent("Seen", {"a": 1, "b": ["x"]}),)),
        [
            Row('"Seen", each sent twice', "1 recorded", "1 recorded", True),
            Row('"Seen" u1', "2 properties, value 2", "the same", True),
        ],
    ),
    "an event that differs": (
        EVENT,
        Reality("1", {}, (recorded(a=2, **{"$value": 3}),)),
        [
            Row('"Seen", each sent twice', "1 recorded", "1 recorded", True),
            Row('"Seen" u1', "2 properties, value 2", "differs: a, $value", False),
        ],
    ),
    "an event that nobody promised": (
        UpsertProfile("m", Identity()),
        Reality("1", {}, (recorded(),)),
        [Row("other events", "–", "Seen", False)],
    ),
    "a list that is joined at once": (
        AddToList("m", PERSON, "L1"),
        Reality("1", {}, (), {"L1": MailingList("News", "double_opt_in", True)}),
        [Row("list News", "on it", "on it", True)],
    ),
    "a list that was not joined": (
        AddToList("m", PERSON, "L1"),
        Reality("1", {}, (), {"L1": MailingList("News", "double_opt_in", False)}),
        [Row("list News", "on it", "not on it", False)],
    ),
    "a list that asks": (
        Subscribe("m", "ann@shop.io", "L1"),
        Reality("1", {}, (), {"L1": MailingList("News", "double_opt_in", False)}, "NEVER"),
        [Row("list News (double_opt_in)", "asked by e-mail, not on it yet", "not on it, NEVER",
             True)],
    ),
    "a list that asks nobody": (
        Subscribe("m", "ann@shop.io", "L1"),
        Reality("1", {}, (), {"L1": MailingList("News", "single_opt_in", False)}, "SUBSCRIBED"),
        [Row("list News (single_opt_in)", "on it, SUBSCRIBED", "not on it, SUBSCRIBED", False)],
    ),
    "a consent without a list": (
        Subscribe("m", "ann@shop.io", None),
        Reality("1", {}, (), {}, "UNSUBSCRIBED"),
        [Row("consent to e-mail", "SUBSCRIBED, or asked by e-mail", "UNSUBSCRIBED", False)],
    ),
    "nobody": (
        UpsertProfile("m", PERSON),
        Reality(),
        [Row("email", "ann@shop.io", "–", False)],
    ),
}  # fmt: skip


@pytest.mark.parametrize(("operation", "reality", "expected"), ROWS.values(), ids=ROWS)
def test_promise_and_reality_are_compared(
    operation: Any, reality: Reality, expected: list[Row]
) -> None:
    assert compare(promised(operation), reality) == expected


def test_a_made_up_person_of_nobody_is_required(deployment: Deployment) -> None:
    rehearsal(deployment).require_nobody()
    deployment.webhook(signed({**SENT[0], "traits": {"email": ADDRESS}}))
    with pytest.raises(Misuse, match="somebody in Klaviyo has this address"):
        rehearsal(deployment).require_nobody()

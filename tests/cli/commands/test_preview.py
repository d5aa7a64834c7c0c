"""`preview`: what messages would become, as a table and as JSON."""

import gzip
import json
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from msgspec.structs import replace

from cli.commands.preview import MOST_UNREADABLE, OFFERED
from cli.next_command import next_command
from handler.queue.envelope import Entry, pack
from klaviyo_mapping import Settings
from local.aws_stand_in.function import ROOT
from preview import ADVICE, explain, offer_to_json, offers, to_json
from tests.cli.calling import answer, call, lines
from tests.cli.stacks import MakeStack
from tests.handler.calls import identify, order, track
from tests.klaviyo_client.fakes import event

ANONYMOUS = {"type": "track", "messageId": "a-1", "anonymousId": "anon-1", "event": "Seen"}


@pytest.fixture
def file(tmp_path: Path) -> Path:
    return tmp_path / "messages"


def write(file: Path, *messages: Any) -> Path:
    file.write_text("".join(json.dumps(message) + "\n" for message in messages))
    return file


def test_json_is_the_previews_own_with_what_cannot_be_read(file: Path) -> None:
    messages = [identify(), order(), ANONYMOUS]
    file.write_text(json.dumps(messages))
    expected = to_json(explain(messages, Settings(), datetime.now(UTC)))
    for message, value in zip(expected["messages"], messages, strict=True):
        found = offers(value, Settings(), datetime.now(UTC))
        message["offers"] = json.loads(json.dumps([offer_to_json(each) for each in found]))
    assert answer("preview", file) == (0, {**expected, "unreadable": []})


def test_json_has_what_other_settings_would_change() -> None:
    _, document = answer("preview", ROOT / "events" / "user-subscribed.json")
    [first, *_] = document["messages"][0]["offers"]
    assert (first["variable"], first["value"], first["text"]) == (
        "CONSENT_EVENTS",
        "true",
        "With CONSENT_EVENTS=true it would also record the consent to e-mail and SMS on the list "
        "WmB7kT.",
    )


def test_json_of_many_messages_has_no_offers(file: Path) -> None:
    _, document = answer("preview", write(file, *map(track, range(OFFERED + 1))))
    assert {message["offers"] for message in document["messages"]} == {None}


@pytest.mark.parametrize("form", ["array", "lines", "gzip", "pretty", "http event"])
def test_every_form_of_a_file_holds_the_same_messages(form: str, file: Path) -> None:
    messages = [identify(), track()]
    text = "".join(json.dumps(message) + "\n" for message in messages)
    if form == "array":
        text = json.dumps(messages)
    elif form == "pretty":
        text = json.dumps(messages, indent=2)
    elif form == "http event":
        text = json.dumps({"body": json.dumps(messages), "headers": {}}, indent=2)
    file.write_bytes(gzip.compress(text.encode()) if form == "gzip" else text.encode())
    _, document = answer("preview", file)
    ids = [message["message_id"] for message in document["messages"]]
    assert ids == ["identify-1", "track-1"]


def test_standard_input_is_read_for_a_dash() -> None:
    status, document = answer("preview", "-", stdin=json.dumps(track()))
    assert (status, document["messages"][0]["verdict"]) == (0, "mapped")


def test_table_shows_what_becomes_of_each_message_and_how_to_change_it(file: Path) -> None:
    write(file, track(), identify(), track(2, userId=[]), ANONYMOUS)
    result = call("preview", file)
    assert result.exit_code == 1
    assert lines(result) == [
        "# message type becomes requests",
        "1 track-1 track Item Added mapped 2",
        "2 identify-1 identify mapped 1",
        "3 track-2 track Item Added rejected: invalid_message –",
        "4 a-1 track Seen dropped: missing_user_id –",
        "3: userId: must be string or number or null. It is not a valid Segment message.",
        ADVICE["invalid_message"].remedy,
        "4: It has no userId.",
        "Send a userId, or let anonymous visitors through with FALLBACK_ON_ANONYMOUS_ID.",
        "# request to Klaviyo what it does items of messages",
        "1 POST /api/profile-import Create or update a profile 1 2",
        "2 POST /api/events Record an event 1 1",
        "2 mapped, 1 rejected, 1 dropped; 2 requests to Klaviyo. Nothing was sent.",
    ]


@pytest.mark.parametrize(
    ("options", "variables", "verdict"),
    [
        ((), {}, "dropped"),
        (("--fallback-on-anonymous-id", "--no-enforce-email"), {}, "mapped"),
        ((), {"FALLBACK_ON_ANONYMOUS_ID": "true", "ENFORCE_EMAIL": "false"}, "mapped"),
        (
            ("--enforce-email",),
            {"FALLBACK_ON_ANONYMOUS_ID": "true", "ENFORCE_EMAIL": "no"},
            "dropped",
        ),
    ],
    ids=["defaults", "options", "environment", "option before environment"],
)
def test_settings_come_from_options_and_the_environment(
    options: tuple[str, ...], variables: dict[str, str], verdict: str, file: Path
) -> None:
    _, document = answer("preview", *options, write(file, ANONYMOUS), **variables)
    assert document["messages"][0]["verdict"] == verdict


def test_env_file_comes_before_the_environment_and_after_options(
    file: Path, tmp_path: Path
) -> None:
    settings = tmp_path / "settings.env"
    settings.write_text("# ours\nFALLBACK_ON_ANONYMOUS_ID=true\nENFORCE_EMAIL='false'\n")
    given = ("preview", "--env-file", settings, write(file, ANONYMOUS))
    _, document = answer(*given, ENFORCE_EMAIL="true")
    assert document["messages"][0]["verdict"] == "mapped"
    _, document = answer(*given, "--enforce-email")
    assert document["messages"][0]["verdict"] == "dropped"


def test_rules_come_from_a_file_of_their_own(file: Path, tmp_path: Path) -> None:
    rules = tmp_path / "rules.toml"
    rules.write_text('[types]\ndeny = ["track"]\n')
    given = ("preview", "--rules-file", rules, write(file, track()))
    _, document = answer(*given, RULES="[events]\n")
    assert document["messages"][0]["reason"]["code"] == "denied_by_rules"


def test_fault_in_the_rules_is_told_with_its_place(file: Path, tmp_path: Path) -> None:
    rules = tmp_path / "rules.toml"
    rules.write_text("[events]\nalow = []\n")
    result = call("preview", "--rules-file", rules, write(file, track()))
    assert result.exit_code == 2
    assert "[events] alow: expected allow or deny, and nothing else" in result.stderr


def test_rules_file_of_an_env_file_counts(file: Path, tmp_path: Path) -> None:
    rules, settings = tmp_path / "rules.toml", tmp_path / "settings.env"
    rules.write_text('[types]\ndeny = ["track"]\n')
    settings.write_text(f"RULES_FILE={rules}\n")
    _, document = answer("preview", "--env-file", settings, write(file, track()))
    assert document["messages"][0]["verdict"] == "dropped"


@pytest.mark.parametrize(
    ("options", "metric"),
    [((), "Product Viewed"), (("--ecommerce-metrics", "klaviyo"), "Viewed Product")],
)
def test_setting_with_words_is_an_option_with_choices(
    options: tuple[str, ...], metric: str, file: Path
) -> None:
    message = track(event="Product Viewed")
    _, document = answer("preview", *options, write(file, message))
    attributes = document["requests"][0]["body"]["data"]["attributes"]
    assert attributes["metric"]["data"]["attributes"]["name"] == metric
    assert call("preview", "--ecommerce-metrics", "shopify", file).exit_code == 2


def test_what_is_no_json_is_told_with_its_place(file: Path) -> None:
    file.write_text('{"type" "track"}\n' + json.dumps(track()) + "\n")
    status, document = answer("preview", file)
    assert status == 1
    assert document["unreadable"] == [
        {
            "file": str(file),
            "line": 1,
            "detail": "a colon is missing between a key and its value (column 9)",
        }
    ]
    assert len(document["messages"]) == 1


def test_body_of_a_single_message_is_shown(file: Path) -> None:
    shown = call("preview", write(file, track())).stdout
    assert '"unique_id": "track-1"' in shown
    assert '"unique_id"' not in call("preview", "--no-bodies", file).stdout


def test_limit_bounds_how_much_is_looked_at(file: Path) -> None:
    result = call("preview", "--limit", "2", "--json", write(file, *map(track, range(5))))
    assert len(json.loads(result.stdout)["messages"]) == 2
    assert "The first 2 messages; more with --limit." in result.stderr


def test_json_holds_nothing_that_a_terminal_obeys(file: Path) -> None:
    message = track(properties={"email": "ada@shop.example", "note": "\x9b31m\x7f\u202e\x1b[2J ü"})
    code, document = answer("preview", write(file, message))
    shown = call("preview", "--json", file).output
    assert code == 0
    assert document["messages"] != []
    assert not set(shown) & set("\x9b\x7f\u202e\x1b")
    assert "\\u009b31m\\u007f\\u202e\\u001b[2J ü" in shown


QUEUED = (
    Entry(operation=event(1), reason={"code": "refused"}),
    Entry(message=track(9, userId=[]), reason={"code": "invalid_message"}),
    Entry(operation=event(2), attempts=3),
)


@pytest.mark.parametrize("form", ["sqs event", "envelope"])
def test_what_a_queue_holds_is_shown_as_it_would_be_sent(form: str, file: Path) -> None:
    (body,) = pack(QUEUED)
    sqs_event = {"Records": [{"eventSource": "aws:sqs", "messageId": "1", "body": body}]}
    file.write_text(json.dumps(sqs_event, indent=2) if form == "sqs event" else body)
    status, document = answer("preview", file)
    found = [
        (each["message_id"], each["type"], each["event_name"], each["verdict"])
        for each in document["messages"]
    ]
    assert (status, found) == (
        1,
        [
            ("m1", "create_event", "Viewed", "mapped"),
            ("track-9", "track", "Item Added", "rejected"),
            ("m2", "create_event", "Viewed", "mapped"),
        ],
    )
    assert [request["messages"] for request in document["requests"]] == [[1], [3]]


def test_packed_entry_is_unpacked(file: Path) -> None:
    large = replace(event(1), properties={"text": "x" * 1_100_000})
    (body,) = pack([Entry(operation=large, reason={"code": "refused"})])
    assert '"packed"' in body
    file.write_text(body)
    assert answer("preview", file)[1]["messages"][0]["message_id"] == "m1"


def test_samples_of_both_functions_can_be_looked_at() -> None:
    for path in sorted((ROOT / "events").glob("*.json")):
        _, document = answer("preview", path)
        assert document["messages"] or document["unreadable"], path.name


@pytest.mark.parametrize(
    ("text", "said"),
    [
        (
            "\nENFORCE_EMIAL=false",
            "line 2: ENFORCE_EMIAL is no setting; do you mean ENFORCE_EMAIL?",
        ),
        ("STRIPE_KEY=1", "line 1: STRIPE_KEY is no setting; see docs/settings.md"),
        ("LIST_ID=A\n\nwhat is this", "line 3: expected NAME=value"),
        ("LIST_ID", "line 1: expected NAME=value"),
        ("LIST_ID=A\nLIST_ID=B", "line 2: LIST_ID is set twice"),
    ],
)
def test_nothing_in_an_env_file_is_passed_over(text: str, said: str, file: Path) -> None:
    variables = file.with_name("settings.env")
    variables.write_text(f"{text}\n")
    result = call("preview", "--env-file", variables, write(file, track()))
    assert (result.exit_code, result.stderr) == (2, f"error: {variables}, {said}\n")


def test_env_file_is_read(file: Path) -> None:
    variables = file.with_name("settings.env")
    variables.write_text('# ours\n\nexport ENFORCE_EMAIL="false"\nWEBHOOK_TOKEN=t\n')
    _, document = answer("preview", "--env-file", variables, "-", stdin=json.dumps(NO_EMAIL))
    assert document["messages"][0]["verdict"] == "mapped"


NO_EMAIL = {"type": "identify", "userId": "one"}


def test_misspelt_variable_is_noted(file: Path) -> None:
    result = call("preview", write(file, track()), ENFORCE_EMIAL="false", HTTP_PROXY="")
    assert (result.exit_code, result.stderr) == (
        0,
        "note: in the environment, ENFORCE_EMIAL is no setting; do you mean ENFORCE_EMAIL?\n",
    )


@pytest.mark.parametrize("word", ["klaviyo", "Klaviyo", " KLAVIYO "])
def test_option_is_read_as_its_variable_is(word: str, file: Path) -> None:
    write(file, order())
    by_option = answer("preview", "--ecommerce-metrics", word, file)
    by_variable = answer("preview", file, ECOMMERCE_METRICS=word)
    assert by_option == by_variable
    assert by_option[1]["messages"][0]["operations"][0]["metric"] == "Placed Order"


def test_option_that_cannot_be_read_says_what_it_takes(file: Path) -> None:
    result = call("preview", "--ecommerce-metrics", "klavio", write(file, order()))
    assert (result.exit_code, result.stderr) == (
        2,
        "error: ECOMMERCE_METRICS: expected segment or klaviyo\n",
    )


def test_file_of_another_kind_is_told_in_a_few_lines(file: Path) -> None:
    file.write_bytes(b"\x89PNG\n" * 300)
    result = call("preview", file)
    shown = lines(result)
    assert (result.exit_code, len(shown)) == (1, MOST_UNREADABLE + 2)
    assert shown[-2:] == [
        "unreadable 290 more places; --json lists all",
        "300 unreadable; 0 requests to Klaviyo. Nothing was sent.",
    ]
    assert len(answer("preview", file)[1]["unreadable"]) == 300


def test_remedy_is_aimed_at_the_stack_that_was_named(file: Path, make_stack: MakeStack) -> None:
    name = make_stack()
    result = call("preview", "--stack", name, write(file, track(2, userId=[])))
    aimed = next_command("dlq edit", name, "--reason", "invalid_message")
    assert (result.exit_code, aimed in result.stdout) == (1, True)

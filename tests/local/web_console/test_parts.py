"""The console's smaller parts: the form, the weather, what is sent, and the files of the page."""

import hashlib
import json
import re
from dataclasses import fields
from pathlib import Path
from typing import Any

import pytest

from klaviyo_client.delivery import Klaviyo
from klaviyo_mapping import Settings
from local.klaviyo_stand_in import Account, Weather, serve
from local.web_console.acting import weather
from local.web_console.acting.posting import renewed
from local.web_console.previewing import settings
from local.web_console.previewing.examples import examples
from local.web_console.server import STATIC
from local.web_console.watching.abridging import MOST_PARTS, abridged
from local.web_console.watching.holdings import counts, holdings
from operations import DeleteProfile, Identity, Unsubscribe, UpsertProfile
from tests.local.web_console.running import Running

VENDORED = {
    "htm-preact-3.1.1.js": "72284e8e9079c87817145df1110f74e8a2aa040b2fc384922e18dfcb46fc1fd7",
}
"""SHA-256 of what others wrote, as their package has it."""


# The form


def test_every_setting_is_in_the_form_with_its_default() -> None:
    inputs = {each.variable: each for each in settings.form({})}
    assert list(inputs) == [setting.name.upper() for setting in fields(Settings)]
    assert settings.read({name: each.running for name, each in inputs.items()}) == Settings()


def test_form_knows_what_runs() -> None:
    running = {
        each.variable: each.running
        for each in settings.form({"ENFORCE_EMAIL": "NO", "LIST_ID": " Y6nRLr "})
    }
    assert (running["ENFORCE_EMAIL"], running["LIST_ID"]) == ("false", "Y6nRLr")


def test_each_field_that_cannot_be_read_is_told() -> None:
    assert settings.read({"ENFORCE_EMAIL": "maybe", "DEFAULT_COUNTRY": "Germany"}) == {
        "ENFORCE_EMAIL": "expected true or false",
        "DEFAULT_COUNTRY": "expected a two-letter country code (ISO 3166 alpha-2) such as US",
    }


def test_settings_are_entered_as_what_they_are() -> None:
    kinds = {each.variable: (each.kind, each.choices) for each in settings.form({})}
    assert kinds["FORWARD_DELETIONS"] == ("switch", ())
    assert kinds["ORDER_PROPERTY_NAMES"] == ("choice", ("classic", "klaviyo"))
    assert kinds["AUDIENCE_LISTS"] == ("text", ())
    assert kinds["FORWARD_TYPES"] == ("text", ())
    assert kinds["LIST_OPT_IN"] == ("choice", ("account", "single", "double"))
    assert kinds["RULES"] == ("lines", ())


def test_rules_of_a_file_are_shown_as_its_text(tmp_path: Path) -> None:
    file = tmp_path / "rules.toml"
    file.write_text('[types]\ndeny = ["track"]\n')
    running = {each.variable: each.running for each in settings.form({"RULES_FILE": str(file)})}
    assert running["RULES"] == '[types]\ndeny = ["track"]'


def test_settings_that_contradict_each_other_are_told_at_one_of_them() -> None:
    assert settings.read({"SUBSCRIBE_EVENT": "Joined", "UNSUBSCRIBE_EVENT": "joined"}) == {
        "UNSUBSCRIBE_EVENT": "expected a different event than SUBSCRIBE_EVENT"
    }


# What Klaviyo holds


def test_consents_and_deletions_are_shown() -> None:
    account = Account(keys={"pk"})
    gone, kept = Identity("gone@acme-store.example"), Identity("kept@acme-store.example")
    with serve(account) as url:
        Klaviyo(url).deliver(
            [
                UpsertProfile(None, gone),
                UpsertProfile(None, kept),
                Unsubscribe(None, kept.email, None),
                DeleteProfile(None, gone),
            ],
            "pk",
            10.0,
        )
    assert counts(account) == {"profiles": 1, "events": 0, "lists": 0, "deleted": 1}
    held = holdings(account, "profiles", "", 0, 50)
    assert [(each["who"], each["consents"]) for each in held["entries"]] == [
        ("kept@acme-store.example", {"email.marketing": "UNSUBSCRIBED"})
    ]


# The weather


@pytest.mark.parametrize(
    ("document", "made"),
    [
        ({"kind": "fine"}, ()),
        ({"kind": "slow", "seconds": 2}, (Weather(latency=2),)),
        ({"kind": "throttled", "seconds": 10}, (Weather(throttle=10),)),
        ({"kind": "down"}, (Weather(down=True),)),
    ],
)
def test_mood_is_weather_and_is_told_again(
    document: dict[str, Any], made: tuple[Weather, ...]
) -> None:
    assert weather.read(document) == made
    assert weather.to_json(made) == document


def test_person_is_refused_in_profiles_and_in_events() -> None:
    document = {"kind": "refusing", "email": "Maria@acme-store.example"}
    [made] = weather.read(document)
    assert weather.to_json((made,)) == document
    profile = {"email": "maria@acme-store.example"}
    assert made.refuses(profile)
    assert made.refuses({"profile": {"data": {"attributes": profile}}})
    assert not made.refuses({"email": "tom@acme-store.example"})
    assert not made.refuses({})


def test_weather_of_somebody_else_is_told_as_such() -> None:
    assert weather.to_json((Weather(hang=3),)) == {"kind": "other"}
    assert weather.to_json((Weather(down=True), Weather(latency=1))) == {"kind": "other"}


@pytest.mark.parametrize(
    ("document", "message"),
    [
        (7, "kind: expected one of fine, slow, throttled, down, refusing"),
        ({"kind": "hail"}, "kind: expected one of fine, slow, throttled, down, refusing"),
        ({"kind": "slow"}, "seconds: expected a number"),
        ({"kind": "slow", "seconds": 0}, "seconds: expected 1 to 60"),
        ({"kind": "refusing", "email": "Tom"}, "email: expected the e-mail address of the person"),
    ],
)
def test_weather_that_cannot_be_is_told(document: Any, message: str) -> None:
    with pytest.raises(ValueError, match=f"^{re.escape(message)}$"):
        weather.read(document)


# Sending


@pytest.mark.parametrize("text", ['{"messageId":"a","type":"track"}', '[{"messageId":"a"},7]'])
def test_renewed_message_has_another_id_and_is_else_the_same(text: str) -> None:
    document = json.loads(renewed(text))
    before, after = (
        each if isinstance(each, list) else [each] for each in (json.loads(text), document)
    )
    assert after[0]["messageId"] != before[0]["messageId"]
    assert {**after[0], "messageId": "a"} == before[0]
    assert after[1:] == before[1:]


@pytest.mark.parametrize("text", ["no JSON", "7", "[" * 100_000], ids=["text", "number", "deep"])
def test_what_is_no_message_is_renewed_as_it_is(text: str) -> None:
    assert renewed(text) == text


def test_examples_are_what_make_run_sends() -> None:
    found = {example.name: json.loads(example.text) for example in examples()}
    assert {"identify", "track", "order-completed", "batch"} <= found.keys()
    assert found["identify"]["type"] == "identify"
    assert len(found["batch"]) == 4


# What the page asks for


def test_large_values_are_abridged_and_say_so() -> None:
    assert abridged("x" * 1000) == "x" * 300 + "… (1,000 characters)"
    assert abridged({"a": [1, None, "b"]}) == {"a": [1, None, "b"]}
    many = abridged({str(n): n for n in range(1000)})
    assert len(many) <= MOST_PARTS + 1
    assert many["…"] == f"{1001 - len(many)} more"
    assert len(json.dumps(abridged([[0] * 1000] * 1000))) < 5000


@pytest.mark.parametrize(
    ("path", "body", "error"),
    [
        ("/api/preview", {"settings": {}}, "text: expected a text"),
        ("/api/preview", {"text": "", "settings": 7}, "settings: expected an object of texts"),
        ("/api/weather", {"kind": "slow", "seconds": 61}, "seconds: expected 1 to 60"),
        ("/api/traffic", {"per_second": 7}, "per_second: expected one of 0, 1, 5, 20"),
        ("/api/traffic", {"per_second": True}, "per_second: expected a whole number"),
        ("/api/send", [], "expected a JSON object"),
    ],
)  # fmt: skip
def test_what_the_page_would_not_ask_is_refused_in_words(
    path: str, body: Any, error: str, running: Running
) -> None:
    assert running.ask("POST", path, body) == (400, {"error": error})


def test_preview_tells_where_the_text_is_at_fault(running: Running) -> None:
    status, answer = running.ask("POST", "/api/preview", {"text": "{\n x", "settings": {}})
    assert (status, answer["error"]["line"], answer["error"]["column"]) == (200, 2, 2)


def test_array_is_signed_as_segment_signs_it(running: Running) -> None:
    sent = running.send({"type": "page"}, {"type": "screen"})
    assert (sent["status"], sent["answer"]["dropped"]) == (200, 2)


@pytest.mark.parametrize(
    ("body", "code"), [("no JSON", "not_json"), ("", "no_message"), ("[", "not_json")]
)
def test_what_is_no_message_is_sent_as_it_is(body: str, code: str, running: Running) -> None:
    status, sent = running.ask("POST", "/api/send", {"text": body, "renew": True})
    assert (status, sent["status"], sent["answer"]["error"]["code"]) == (200, 400, code)


def test_large_message_does_not_make_every_look_large(running: Running) -> None:
    large = {"type": "track", "messageId": "m" * 100_000, "userId": "u", "event": "e" * 100_000}
    before = len(json.dumps(running.state()))
    running.send(large)
    assert len(json.dumps(running.state())) < before + 5000


# The files of the page


OWN = sorted(
    path
    for path in STATIC.rglob("*")
    if path.suffix in (".js", ".css", ".html") and "vendor" not in path.parts
)


@pytest.mark.parametrize("path", OWN, ids=lambda path: str(path.relative_to(STATIC)))
def test_page_loads_nothing_from_elsewhere_and_makes_no_markup_of_text(path: Path) -> None:
    text = path.read_text()
    assert not re.search(r"https?://", text.replace("http://www.w3.org/2000/svg", ""))
    assert not re.search(
        r"innerHTML|outerHTML|insertAdjacent|document\.write|eval\(|Function\(", text
    )
    assert "style=" not in text


@pytest.mark.parametrize(("name", "digest"), VENDORED.items())
def test_vendored_file_is_the_one_of_its_package(name: str, digest: str) -> None:
    vendor = STATIC / "vendor"
    assert hashlib.sha256((vendor / name).read_bytes()).hexdigest() == digest
    assert name in (vendor / "README.md").read_text()
    assert (vendor / "LICENSE-htm").exists()
    assert (vendor / "LICENSE-preact").exists()


def test_nothing_is_vendored_but_what_is_known() -> None:
    scripts = {path.name for path in (STATIC / "vendor").iterdir() if path.suffix == ".js"}
    assert scripts == VENDORED.keys()

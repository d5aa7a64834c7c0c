"""The preview of what is more than a profile or an event: the client's own requests, in order."""

import json
import re
from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any

import pytest

from klaviyo_client.api.answers import Answer
from klaviyo_client.api.outcomes import Delivered, Retryable
from klaviyo_client.delivery import Klaviyo
from klaviyo_client.sending.transport import HttpTransport
from klaviyo_mapping import Settings
from local.klaviyo_stand_in import Account, serve
from operations import Json
from preview import Preview, RequestPreview, explain

NOW = datetime(2026, 11, 1, tzinfo=UTC)
KEY = "pk_test"
MARIA, TOM = "maria@acme-store.example", "tom@acme-store.example"

Sent = tuple[str, str, int | None]
"""Of a request its method, its path in plain letters without the query, and what it waits for."""


def identify(email: str = MARIA, **fields: Any) -> dict[str, Json]:
    traits = {"email": email, **fields.pop("traits", {})}
    return {"type": "identify", "messageId": "i", "userId": "u", "traits": traits, **fields}


def track(event_name: str, email: str = MARIA, **properties: Json) -> dict[str, Json]:
    return {
        "type": "track",
        "messageId": f"{event_name} {email}",
        "userId": email,
        "event": event_name,
        "timestamp": "2026-10-28T13:32:00Z",
        "properties": {"email": email, **properties},
    }


def audience(is_member: bool, email: str = MARIA) -> dict[str, Json]:
    personas = {"computation_class": "audience", "computation_key": "vips"}
    return {**track("Audience", email, vips=is_member), "context": {"personas": personas}}


def alias(email: str = MARIA, previous: str = "old@acme-store.example") -> dict[str, Json]:
    return {"type": "alias", "messageId": "a", "userId": email, "previousId": previous}


def delete(email: str = MARIA) -> dict[str, Json]:
    return {"type": "delete", "messageId": "d", "userId": email}


ON_LIST = {"integrations": {"Klaviyo": {"listId": "WmB7kT", "confirmOptin": False}}}
JOIN_AND_LEAVE = {"audience_lists": {"vips": "WmB7kT"}}
AUDIENCE = [
    "context.personas.computation_class",
    "context.personas.computation_key",
    "properties.vips",
]
EVERYTHING = {
    "audience_lists": "auto",
    "consent_events": True,
    "forward_deletions": True,
    "forward_aliases": True,
}


def preview_of(*messages: Json, **settings: Any) -> Preview:
    return explain(messages, Settings(**{"enforce_email": False, **settings}), NOW)


def requests_of(preview: Preview) -> list[Sent]:
    return [
        (request.method, request.path.partition("?")[0], request.after)
        for request in preview.requests
    ]


def of(request: RequestPreview) -> dict[str, list[str]]:
    return {trace.pointer: [source.path for source in trace.sources] for trace in request.traces}


# Which requests, in which order, and what waits for what


@pytest.mark.parametrize(
    ("message", "settings", "expected"),
    [
        pytest.param(
            audience(True),
            JOIN_AND_LEAVE,
            [
                ("POST", "/api/profile-import", None),
                ("POST", "/api/lists/WmB7kT/relationships/profiles", 1),
            ],
            id="joins a list",
        ),
        pytest.param(
            audience(False),
            JOIN_AND_LEAVE,
            [
                ("GET", "/api/profiles", None),
                ("DELETE", "/api/lists/WmB7kT/relationships/profiles", 1),
            ],
            id="leaves a list",
        ),
        pytest.param(
            alias(),
            {"forward_aliases": True},
            [
                ("GET", "/api/profiles", None),
                ("GET", "/api/profiles", 1),
                ("POST", "/api/profile-merge", 2),
            ],
            id="merges two profiles",
        ),
        pytest.param(
            audience(True),
            {"audience_lists": "auto"},
            [
                ("GET", "/api/lists", None),
                ("POST", "/api/profile-import", None),
                (
                    "POST",
                    "/api/lists/<the-id-of-vips-in-the-answer-to-request-1>/relationships/profiles",
                    2,
                ),
            ],
            id="joins a list that is known by its name",
        ),
        pytest.param(
            audience(False),
            {"audience_lists": "auto"},
            [
                ("GET", "/api/lists", None),
                ("GET", "/api/profiles", 1),
                (
                    "DELETE",
                    "/api/lists/<the-id-of-vips-in-the-answer-to-request-1>/relationships/profiles",
                    2,
                ),
            ],
            id="leaves a list that is known by its name",
        ),
        pytest.param(
            track("User Subscribed", channels=["email"]),
            {"consent_events": True},
            [
                ("POST", "/api/events", None),
                ("GET", "/api/profiles", None),
                ("POST", "/api/profile-subscription-bulk-create-jobs", 2),
            ],
            id="subscribes without a list: nothing is sent for who has opted out since",
        ),
        pytest.param(
            track("User Subscribed", list_id="WmB7kT"),
            {"consent_events": True},
            [
                ("POST", "/api/events", None),
                ("GET", "/api/profiles", None),
                ("POST", "/api/profile-subscription-bulk-create-jobs", 2),
            ],
            id="subscribes on a list",
        ),
        pytest.param(
            track("User Unsubscribed"),
            {"consent_events": True},
            [
                ("POST", "/api/events", None),
                ("GET", "/api/profiles", None),
                ("POST", "/api/profile-subscription-bulk-delete-jobs", 2),
            ],
            id="unsubscribes from everything",
        ),
        pytest.param(
            track("User Unsubscribed", list_id="WmB7kT"),
            {"consent_events": True},
            [
                ("POST", "/api/events", None),
                ("GET", "/api/lists/WmB7kT/profiles", None),
                ("POST", "/api/profile-subscription-bulk-delete-jobs", 2),
            ],
            id="unsubscribes from a list: nothing is sent for who is not on it",
        ),
        pytest.param(
            delete(),
            {"forward_deletions": True},
            [("GET", "/api/profiles", None), ("POST", "/api/data-privacy-deletion-jobs", 1)],
            id="deletes",
        ),
    ],
)
def test_message_is_the_requests_that_the_client_sends(
    message: Json, settings: dict[str, Any], expected: list[Sent]
) -> None:
    assert requests_of(preview_of(message, **settings)) == expected


def test_edits_that_clash_follow_each_other() -> None:
    unset = {"Klaviyo": {"fieldsToUnset": ["badges"]}}
    append = {"Klaviyo": {"fieldsToAppend": ["badges"]}}
    first = identify(integrations=unset)
    second = identify(integrations=append, traits={"badges": ["gold"]})
    preview = preview_of(first, second)
    assert [(each.after, each.messages) for each in preview.requests] == [(None, (1,)), (1, (2,))]
    assert [each.body["data"]["meta"] for each in preview.requests] == [
        {"patch_properties": {"unset": ["badges"]}},
        {"patch_properties": {"append": {"badges": ["gold"]}}},
    ]


def test_what_follows_a_deletion_comes_later() -> None:
    preview = preview_of(delete(), identify(), forward_deletions=True)
    assert [(each.title, each.note, each.messages) for each in preview.requests][1:] == [
        ("Delete the profile for good", None, (1,)),
        (
            "Create or update a profile",
            "About 5 minutes later, by way of the retry queue.",
            (2,),
        ),
    ]


def test_a_merge_follows_two_look_ups_of_everybody() -> None:
    preview = preview_of(alias(), alias(TOM, "tom@old.example"), forward_aliases=True)
    assert requests_of(preview) == [
        ("GET", "/api/profiles", None),
        ("GET", "/api/profiles", 1),
        ("POST", "/api/profile-merge", 2),
        ("POST", "/api/profile-merge", 2),
    ]
    [first, second] = [request.body["data"] for request in preview.requests[2:]]
    assert [first["id"], second["id"]] == [
        f"<the-id-of-{MARIA}-in-the-answer-to-request-2>",
        f"<the-id-of-{TOM}-in-the-answer-to-request-2>",
    ]


def test_ids_of_several_people_are_told_apart() -> None:
    preview = preview_of(audience(False), audience(False, TOM), **JOIN_AND_LEAVE)
    [look_up, leave] = preview.requests
    assert look_up.messages == (1, 2)
    assert leave.items == (("/data/0", (1,)), ("/data/1", (2,)))
    assert [each["id"] for each in leave.body["data"]] == [
        f"<the-id-of-{MARIA}-in-the-answer-to-request-1>",
        f"<the-id-of-{TOM}-in-the-answer-to-request-1>",
    ]


def test_lookup_says_what_happens_where_nothing_is_found() -> None:
    [look_up, _] = preview_of(delete(), forward_deletions=True).requests
    assert look_up.note == "If there is no such profile, nothing more is sent for it."


def test_preview_is_the_same_each_time() -> None:
    messages = [audience(True), track("User Unsubscribed", TOM), alias(), delete(TOM), identify()]
    assert preview_of(*messages, **EVERYTHING) == preview_of(*messages, **EVERYTHING)


# Where it comes from


@pytest.mark.parametrize(
    ("message", "settings", "expected"),
    [
        pytest.param(
            audience(False),
            JOIN_AND_LEAVE,
            [
                {"": ["properties.email"]},
                {
                    "": [*AUDIENCE, "AUDIENCE_LISTS"],
                    "/data/0/id": ["properties.email"],
                },
            ],
            id="leaves a list",
        ),
        pytest.param(
            alias("user-1", "user-0"),
            {"forward_aliases": True},
            [
                {"": ["previousId"]},
                {"": ["userId"]},
                {
                    "/data/id": ["userId"],
                    "/data/relationships/profiles/data/0/id": ["previousId"],
                },
            ],
            id="merges two profiles",
        ),
        pytest.param(
            track("User Subscribed", channels="email", list_id="WmB7kT", custom_source="Till"),
            {"consent_events": True},
            {
                "/data/attributes/custom_source": ["properties.custom_source"],
                "/data/attributes/profiles/data/0/attributes/email": ["properties.email"],
                "/data/relationships/list/data/id": ["properties.list_id"],
            },
            id="subscribes",
        ),
        pytest.param(
            track("User Unsubscribed", list_id="WmB7kT"),
            {"consent_events": True},
            {
                "/data/attributes/profiles/data/0/attributes/email": ["properties.email"],
                "/data/relationships/list/data/id": ["properties.list_id"],
            },
            id="unsubscribes",
        ),
    ],
)
def test_every_part_is_traced_to_its_keys(
    message: Json, settings: dict[str, Any], expected: Any
) -> None:
    requests = preview_of(message, **settings).requests
    found = [of(request) for request in requests]
    assert (found if isinstance(expected, list) else found[-1]) == expected


# The client sends just that


class Recording:
    """A transport that keeps what is sent."""

    def __init__(self, url: str) -> None:
        self.sent: list[tuple[str, str, Json]] = []
        self._transport = HttpTransport(url, 16)

    def send(
        self,
        method: str,
        path: str,
        body: bytes,
        private_key: str,
        seconds: float,
        *,
        repeatable: bool = True,
    ) -> Answer | Retryable:
        self.sent.append((method, path, json.loads(body or b"null")))
        return self._transport.send(method, path, body, private_key, seconds, repeatable=repeatable)


@pytest.fixture
def account() -> Account:
    """With a list of the audience's name."""
    account = Account(keys={KEY})
    account.add_list("WmB7kT", name="vips")
    return account


@pytest.fixture
def recording(account: Account) -> Iterator[Recording]:
    with serve(account) as url:
        yield Recording(url)


def deliver(preview: Preview, recording: Recording) -> list[tuple[str, str, Json]]:
    """Carry out what was previewed, and give what was sent for it."""
    recording.sent = []
    operations = [each for message in preview.messages for each in message.operations]
    delivery = Klaviyo("", transport=recording).deliver(operations, KEY, 10.0)
    assert {type(result.outcome) for result in delivery.results} == {Delivered}
    return recording.sent


def with_ids(document: Any, account: Account) -> Any:
    """The same, with words in the place of profiles' ids, and of the list's."""
    text = json.dumps(document)
    for profile in account.profiles:
        text = text.replace(profile.id, "<id>")
    return json.loads(re.sub("<the-id[^>]*>", "<id>", text).replace("WmB7kT", "<id>"))


def in_order(requests: Any) -> list[Any]:
    """They leave side by side."""
    return sorted(requests, key=json.dumps)


def test_client_sends_what_the_preview_shows(account: Account, recording: Recording) -> None:
    people = [f"p{number}@acme-store.example" for number in range(4)]
    deliver(preview_of(*(identify(each, userId=each, **ON_LIST) for each in people)), recording)
    preview = preview_of(
        audience(True, people[0]),
        audience(False, people[1]),
        track("User Unsubscribed", people[2], list_id="WmB7kT"),
        track("User Subscribed", people[3]),
        identify(people[3], userId=people[3], traits={"plan": "gold"}),
        audience_lists="auto",
        consent_events=True,
    )
    sent = with_ids(deliver(preview, recording), account)
    shown = with_ids([[each.method, each.path, each.body] for each in preview.requests], account)
    assert in_order(sent) == in_order(shown)
    assert len(shown) == 12

"""What Klaviyo's stand-in finds wrong with bodies, and where its errors point."""

import json
from typing import Any

import pytest

from local.klaviyo_stand_in import Request
from tests.local.klaviyo_stand_in.caller import (
    HEADERS,
    account,
    deletion,
    entry,
    event,
    events_job,
    import_job,
    members,
    merge,
    new_list,
    post,
    problems,
    profile,
    profile_without_email,
    recorded,
    request,
    subscriber,
    subscription_job,
    unsubscription_job,
)
from tests.local.klaviyo_stand_in.caller import answer as answer_to

Json = Any

EVENT = "/data/attributes"
EVENT_PROFILE = "/data/attributes/profile/data"
BULK = "/data/attributes/events-bulk-create/data"
PROFILES = "/data/attributes/profiles/data"

PATHS = {
    "event": "/api/events",
    "event-bulk-create-job": "/api/event-bulk-create-jobs",
    "profile": "/api/profile-import",
    "profile-bulk-import-job": "/api/profile-bulk-import-jobs",
    "profile-subscription-bulk-create-job": "/api/profile-subscription-bulk-create-jobs",
    "profile-subscription-bulk-delete-job": "/api/profile-subscription-bulk-delete-jobs",
    "list": "/api/lists",
    "data-privacy-deletion-job": "/api/data-privacy-deletion-jobs",
    "profile-merge": "/api/profile-merge",
}


def judged(document: Json, **settings: Any) -> list[tuple[str, str | None]]:
    """What is wrong with a body, which is posted to where its type belongs."""
    made = account(**settings)
    response = post(made, PATHS[document["data"]["type"]], document)
    return [] if response.status < 300 else problems(response)


def upsert(person: Json) -> Json:
    return {"data": person}


def sized(size: int) -> Json:
    """A profile of so many bytes as JSON without white space."""
    empty = profile(properties={"a": ""})
    return profile(properties={"a": text(size - len(json.dumps(empty, separators=(",", ":"))))})


def consented(time: str) -> Json:
    """Consent to e-mail marketing, given at this time."""
    return {"email": {"marketing": {"consent": "SUBSCRIBED", "consented_at": time}}}


def text(length: int) -> str:
    return "x" * length


def nested(levels: int) -> Json:
    """Properties with so many objects inside each other, `properties` itself included."""
    value: Json = {}
    for _ in range(levels - 1):
        value = {"a": value}
    return value


UNKNOWN = "'{}' is not a valid field for the resource '{}'."
REQUIRED = "'{}' is a required field for the resource '{}'."
PHONE = "Invalid phone number format (Example of a valid format: +12345678901)"
EMAIL = "Invalid email address"
IDENTIFIER = "At least one identifier is required."
TIME = "The time must be after 1990 and at most 1 year in the future."

STRUCTURE: dict[str, tuple[Json, list[tuple[str, str]]]] = {
    "an unknown attribute of an event": (
        event(source="web"),
        [(UNKNOWN.format("source", "event"), f"{EVENT}/source")],
    ),
    "an unknown attribute of an event's profile": (
        event(profile(age=5)),
        [(UNKNOWN.format("age", "profile"), f"{EVENT_PROFILE}/attributes/age")],
    ),
    "an unknown key of a location": (
        upsert(profile(location={"postcode": "1"})),
        [(UNKNOWN.format("postcode", "location"), "/data/attributes/location/postcode")],
    ),
    "an unknown key beside data": (
        {**event(), "meta": {}},
        [(UNKNOWN.format("meta", "request-data"), "/meta")],
    ),
    "a key that a pointer has to escape": (
        upsert(profile(**{"a/b~c": 1})),
        [(UNKNOWN.format("a/b~c", "profile"), "/data/attributes/a~1b~0c")],
    ),
    "names in a subscription": (
        subscription_job(subscriber(first_name="Ann")),
        [(UNKNOWN.format("first_name", "profile"), f"{PROFILES}/0/attributes/first_name")],
    ),
    "properties in a subscription": (
        subscription_job(subscriber(properties={})),
        [(UNKNOWN.format("properties", "profile"), f"{PROFILES}/0/attributes/properties")],
    ),
    "an anonymous id outside of events": (
        upsert(profile(anonymous_id="a")),
        [(UNKNOWN.format("anonymous_id", "profile"), "/data/attributes/anonymous_id")],
    ),
    "an external id in a deletion": (
        deletion(profile(external_id="7")),
        [(UNKNOWN.format("external_id", "profile"), f"{EVENT_PROFILE}/attributes/external_id")],
    ),
    "meta among a profile's attributes": (
        upsert(profile(meta={})),
        [(UNKNOWN.format("meta", "profile"), "/data/attributes/meta")],
    ),
    "meta among an event's profile attributes": (
        event(profile(meta={})),
        [(UNKNOWN.format("meta", "profile"), f"{EVENT_PROFILE}/attributes/meta")],
    ),
    "an event without properties": (
        {
            "data": {
                "type": "event",
                "attributes": {
                    k: v for k, v in event()["data"]["attributes"].items() if k != "properties"
                },
            }
        },
        [(REQUIRED.format("properties", "event"), f"{EVENT}/properties")],
    ),
    "an event without a metric name": (
        event(metric={"data": {"type": "metric", "attributes": {}}}),
        [(REQUIRED.format("name", "metric"), f"{EVENT}/metric/data/attributes/name")],
    ),
    "a profile without attributes": (
        upsert({"type": "profile"}),
        [(REQUIRED.format("attributes", "profile"), "/data/attributes")],
    ),
    "another type in its place": (
        event({**profile(), "type": "person"}),
        [("'type' must be one of: 'profile'.", f"{EVENT_PROFILE}/type")],
    ),
    "properties that are null": (
        event(properties=None),
        [("Not a valid object.", f"{EVENT}/properties")],
    ),
    "a metric name that is null": (
        event(metric={"data": {"type": "metric", "attributes": {"name": None}}}),
        [("'name' may not be null.", f"{EVENT}/metric/data/attributes/name")],
    ),
    "a zip that is a number": (
        upsert(profile(location={"zip": 2818})),
        [("Not a valid string.", "/data/attributes/location/zip")],
    ),
    "a latitude that is neither": (
        upsert(profile(location={"latitude": True})),
        [("Not a valid string or number.", "/data/attributes/location/latitude")],
    ),
    "a value that is text": (event(value="9.99"), [("Not a valid number.", f"{EVENT}/value")]),
    "a value that is true": (event(value=True), [("Not a valid number.", f"{EVENT}/value")]),
    "a backfill that is text": (
        event(backfill="true"),
        [("Not a valid boolean.", f"{EVENT}/backfill")],
    ),
    "profiles that are no array": (
        {"data": {"type": "profile-bulk-import-job", "attributes": {"profiles": {"data": {}}}}},
        [("Not a valid array.", PROFILES)],
    ),
    "a consent that is another": (
        subscription_job(subscriber(consent="UNSUBSCRIBED")),
        [
            (
                "'consent' must be one of: 'SUBSCRIBED'.",
                f"{PROFILES}/0/attributes/subscriptions/email/marketing/consent",
            )
        ],
    ),
    "an opt-in process that is none": (
        new_list(opt_in_process="none"),
        [
            (
                "'opt_in_process' must be one of: 'double_opt_in', 'single_opt_in'.",
                "/data/attributes/opt_in_process",
            )
        ],
    ),
}


@pytest.mark.parametrize(("document", "expected"), STRUCTURE.values(), ids=STRUCTURE)
def test_structure(document: Json, expected: list[tuple[str, str]]) -> None:
    """Unknown keys, missing keys, wrong types and wrong words are refused where they stand."""
    assert judged(document) == expected


RIGHT: dict[str, Json] = {
    "the least event": event(),
    "an event with everything": event(
        profile(
            {"patch_properties": {"unset": "old"}},
            phone_number="+14155550100",
            external_id="7",
            anonymous_id="a",
            _kx="k",
            first_name="Ann",
            last_name="Lee",
            organization="Shop",
            locale="en-US",
            title="Ms",
            image="https://shop.io/a.png",
            location={"city": "Boston", "latitude": 42.3, "longitude": "-71.0", "zip": None},
            properties={"plan": "pro"},
        ),
        properties={"Items": [{"Price": 9.99}], "n": None},
        time="2026-07-15T12:00:00.000Z",
        value=9.99,
        value_currency="USD",
        unique_id="m-1",
        backfill=True,
    ),
    "nulls where they are allowed": event(
        profile(phone_number=None, location=None, properties=None),
        time=None,
        value=None,
        value_currency=None,
        unique_id=None,
        backfill=None,
    ),
    "an event by anonymous id": event(profile_without_email(anonymous_id="a")),
    "a value of zero": event(value=0),
    "a metric name of 127 characters": event(
        metric={"data": {"type": "metric", "attributes": {"name": text(127)}}}
    ),
    "a unique_id of 255 characters": event(unique_id=text(255)),
    "a time in 1990": event(time="1990-01-01T00:00:00Z"),
    "a time a year ahead": event(time="2027-07-15T12:00:00+00:00"),
    "400 properties": event(properties={str(number): 1 for number in range(400)}),
    "a string of 100 KB": event(properties={"a": text(100_000)}),
    "an array of 4000 items": event(properties={"a": [1] * 4000}),
    "10 levels": event(properties=nested(10)),
    "integers of 64 bits": event(properties={"a": 2**63 - 1, "b": -(2**63)}),
    "an address of 100 characters": upsert(profile(email=f"{text(92)}@shop.io")),
    "an address with a plus": upsert(profile(email="ann+news@mail.shop.co.uk")),
    "an international domain": upsert(profile(email="ann@müller.de")),
    "only a phone number": upsert(profile_without_email(phone_number="+14155550100")),
    "a profile by exchange id": upsert(profile_without_email(_kx="k")),
    "patched properties": upsert(
        {
            **profile(),
            "meta": {
                "patch_properties": {"append": {"a": 1}, "unappend": {"b": [2]}, "unset": ["c"]},
                "patch_identifiers": {"append": {"email": ["b@shop.io"]}},
            },
        }
    ),
    "1000 events in a bulk request": events_job(
        *(entry(recorded(unique_id=str(number))) for number in range(1000))
    ),
    "one unique_id for two metrics": events_job(
        entry(
            recorded(unique_id="1"),
            recorded(
                unique_id="1",
                metric={"data": {"type": "metric", "attributes": {"name": "Bought"}}},
            ),
        )
    ),
    "one unique_id for two people": events_job(
        entry(recorded(unique_id="1")),
        entry(recorded(unique_id="1"), person=profile(email="bob@shop.io")),
    ),
    "10000 imported profiles": import_job(
        *(profile_without_email(external_id=str(number)) for number in range(10_000))
    ),
    "an imported phone number that is E.164": import_job(profile(phone_number="+15555555555")),
    "an imported profile of 100 KB": import_job(sized(100_000)),
    "an event's profile of 95 KB": event(sized(95_000)),
    "1000 subscribers": subscription_job(
        *(subscriber(email=f"p{number}@shop.io") for number in range(1000)), list_id="SINGLE"
    ),
    "consents of a historical import": subscription_job(
        subscriber(consented("2025-01-01T00:00:00Z")),
        historical_import=True,
    ),
    "consent to texts": subscription_job(
        subscriber({"sms": {"marketing": {"consent": "SUBSCRIBED"}}}, phone_number="+14155550100")
    ),
    "100 to unsubscribe": unsubscription_job(
        *(subscriber(consent="UNSUBSCRIBED", email=f"p{number}@shop.io") for number in range(100))
    ),
    "a deletion by address": deletion(profile()),
    "a list": new_list(),
}


@pytest.mark.parametrize("document", RIGHT.values(), ids=RIGHT)
def test_what_is_right_passes(document: Json) -> None:
    """The limits themselves are still allowed."""
    assert judged(document) == []


VALUES: dict[str, tuple[Json, list[tuple[str, str | None]]]] = {
    "an event without an identifier": (
        event(profile_without_email(first_name="Ann")),
        [(IDENTIFIER, f"{EVENT_PROFILE}/attributes")],
    ),
    "a profile without an identifier": (
        upsert(profile_without_email(email=None, external_id="")),
        [(IDENTIFIER, "/data/attributes")],
    ),
    "an imported profile without an identifier": (
        import_job(profile(), profile_without_email()),
        [(IDENTIFIER, f"{PROFILES}/1/attributes")],
    ),
    "a subscriber without an identifier": (
        subscription_job(
            profile_without_email(subscriptions={"push": {"marketing": {"consent": "SUBSCRIBED"}}})
        ),
        [(IDENTIFIER, f"{PROFILES}/0/attributes")],
    ),
    "an address without a domain": (
        upsert(profile(email="ann")),
        [(EMAIL, "/data/attributes/email")],
    ),
    "an address with white space": (
        event(profile(email="ann @shop.io")),
        [(EMAIL, f"{EVENT_PROFILE}/attributes/email")],
    ),
    "an address without a top-level domain": (
        upsert(profile(email="ann@shop")),
        [(EMAIL, "/data/attributes/email")],
    ),
    "an address of 101 characters": (
        upsert(profile(email=f"{text(93)}@shop.io")),
        [(EMAIL, "/data/attributes/email")],
    ),
    "a secondary address that is none": (
        upsert({**profile(), "meta": {"patch_identifiers": {"append": {"email": "b"}}}}),
        [(EMAIL, "/data/meta/patch_identifiers/append/email")],
    ),
    "a secondary phone number": (
        upsert({**profile(), "meta": {"patch_identifiers": {"append": {"phone_number": "1"}}}}),
        [("Only 'email' is supported.", "/data/meta/patch_identifiers/append/phone_number")],
    ),
    "a secondary address that is no text": (
        upsert({**profile(), "meta": {"patch_identifiers": {"unappend": {"email": [1]}}}}),
        [("Not a valid string.", "/data/meta/patch_identifiers/unappend/email")],
    ),
    "a phone number that is not E.164": (
        upsert(profile(phone_number="(415) 555-0100")),
        [(PHONE, "/data/attributes/phone_number")],
    ),
    "a phone number that no one can have": (
        upsert(profile(phone_number="+15555555555")),
        [(PHONE, "/data/attributes/phone_number")],
    ),
    "an imported phone number that is not E.164": (
        import_job(profile(phone_number="4155550100")),
        [(PHONE, f"{PROFILES}/0/attributes/phone_number")],
    ),
    "an event's phone number": (
        event(profile(phone_number="+1555")),
        [(PHONE, f"{EVENT_PROFILE}/attributes/phone_number")],
    ),
    "a metric name of 128 characters": (
        event(metric={"data": {"type": "metric", "attributes": {"name": text(128)}}}),
        [
            (
                "A metric name must have 1 to 127 characters.",
                f"{EVENT}/metric/data/attributes/name",
            )
        ],
    ),
    "a metric name that is blank": (
        event(metric={"data": {"type": "metric", "attributes": {"name": " "}}}),
        [
            (
                "A metric name must have 1 to 127 characters.",
                f"{EVENT}/metric/data/attributes/name",
            )
        ],
    ),
    "a Unix time": (event(time=1_784_116_800), [("Not a valid string.", f"{EVENT}/time")]),
    "a Unix time as text": (event(time="1784116800"), [("Not a valid datetime.", f"{EVENT}/time")]),
    "a time without an offset": (
        event(time="2026-07-15T12:00:00"),
        [("Not a valid datetime.", f"{EVENT}/time")],
    ),
    "a day that does not exist": (
        event(time="2026-02-30T12:00:00Z"),
        [("Not a valid datetime.", f"{EVENT}/time")],
    ),
    "a time in 1989": (event(time="1989-12-31T23:59:59Z"), [(TIME, f"{EVENT}/time")]),
    "a time over a year ahead": (event(time="2027-07-15T12:00:01Z"), [(TIME, f"{EVENT}/time")]),
    "an empty unique_id": (
        event(unique_id=""),
        [("A unique_id must have 1 to 255 characters.", f"{EVENT}/unique_id")],
    ),
    "a unique_id of 256 characters": (
        event(unique_id=text(256)),
        [("A unique_id must have 1 to 255 characters.", f"{EVENT}/unique_id")],
    ),
    "a currency in small letters": (
        event(value=1, value_currency="usd"),
        [("Not a valid ISO 4217 currency code.", f"{EVENT}/value_currency")],
    ),
    "401 properties": (
        event(properties={str(number): 1 for number in range(401)}),
        [("At most 400 properties are allowed.", f"{EVENT}/properties")],
    ),
    "a string over 100 KB": (
        event(properties={"a": {"b": ["é" * 50_001]}}),
        [("A string may not exceed 100 KB.", f"{EVENT}/properties/a/b/0")],
    ),
    "an integer under 64 bits": (
        event(properties={"a": -(2**63) - 1}),
        [("An integer may not exceed 64 bits.", f"{EVENT}/properties/a")],
    ),
    "an array of 4001 items": (
        event(properties={"a": [1] * 4001}),
        [("An array may not exceed 4000 items.", f"{EVENT}/properties/a")],
    ),
    "11 levels": (
        event(properties=nested(11)),
        [("At most 10 levels of nesting are allowed.", f"{EVENT}/properties" + "/a" * 10)],
    ),
    "an integer over 64 bits": (
        event(properties={"a": 2**63}),
        [("An integer may not exceed 64 bits.", f"{EVENT}/properties/a")],
    ),
    "an event's profile over 95 KB": (
        event(sized(95_001)),
        [("The payload exceeds 95000 bytes.", EVENT_PROFILE)],
    ),
    "an imported profile over 100 KB": (
        import_job(sized(100_001)),
        [("The payload exceeds 100000 bytes.", f"{PROFILES}/0")],
    ),
    "no events": (events_job(), [("Between 1 and 1000 items are allowed.", BULK)]),
    "1001 events": (
        events_job(*(entry(recorded(unique_id=str(number))) for number in range(1001))),
        [("Between 1 and 1000 items are allowed.", BULK)],
    ),
    "1001 events of two people": (
        events_job(
            entry(*(recorded(unique_id=str(number)) for number in range(1000))),
            entry(person=profile(email="bob@shop.io")),
        ),
        [("Between 1 and 1000 items are allowed.", BULK)],
    ),
    "a profile without events": (
        events_job({**entry(), "attributes": {**entry()["attributes"], "events": {"data": []}}}),
        [("Between 1 and 1000 items are allowed.", f"{BULK}/0/attributes/events/data")],
    ),
    "10001 imported profiles": (
        import_job(*[profile()] * 10_001),
        [("Between 1 and 10000 items are allowed.", PROFILES)],
    ),
    "1001 subscribers": (
        subscription_job(*[subscriber()] * 1001),
        [("Between 1 and 1000 items are allowed.", PROFILES)],
    ),
    "101 to unsubscribe": (
        unsubscription_job(*[subscriber(consent="UNSUBSCRIBED")] * 101),
        [("Between 1 and 100 items are allowed.", PROFILES)],
    ),
    "one unique_id twice": (
        events_job(entry(recorded(unique_id="1")), entry(recorded(unique_id="1"))),
        [
            (
                "The unique_id is repeated for the same profile and metric.",
                f"{BULK}/1/attributes/events/data/0/attributes/unique_id",
            )
        ],
    ),
    "one unique_id twice, by another identifier of one person": (
        events_job(
            entry(recorded(unique_id="1"), person=profile(external_id="7")),
            entry(recorded(unique_id="1"), person=profile_without_email(external_id="7")),
        ),
        [
            (
                "The unique_id is repeated for the same profile and metric.",
                f"{BULK}/1/attributes/events/data/0/attributes/unique_id",
            )
        ],
    ),
    "one unique_id twice, by Klaviyo's id": (
        events_job(
            *[entry(recorded(unique_id="1"), person={**profile_without_email(), "id": "01A"})] * 2
        ),
        [
            (
                "The unique_id is repeated for the same profile and metric.",
                f"{BULK}/1/attributes/events/data/0/attributes/unique_id",
            )
        ],
    ),
    "a channel without its identifier": (
        subscription_job(subscriber({"sms": {"marketing": {"consent": "SUBSCRIBED"}}})),
        [
            (
                "'phone_number' is required for channel 'sms'.",
                f"{PROFILES}/0/attributes/phone_number",
            )
        ],
    ),
    "no consent at all": (
        subscription_job(profile(subscriptions={"email": None})),
        [("At least one consent is required.", f"{PROFILES}/0/attributes/subscriptions")],
    ),
    "consented_at without historical_import": (
        subscription_job(subscriber(consented("2025-01-01T00:00:00Z"))),
        [
            (
                "'consented_at' requires 'historical_import' to be true.",
                f"{PROFILES}/0/attributes/subscriptions/email/marketing/consented_at",
            )
        ],
    ),
    "historical_import without consented_at": (
        subscription_job(subscriber(), historical_import=True),
        [
            (
                "'consented_at' is required for a historical import.",
                f"{PROFILES}/0/attributes/subscriptions/email/marketing/consented_at",
            )
        ],
    ),
    "consented_at that is no time": (
        subscription_job(subscriber(consented("last year")), historical_import=True),
        [
            (
                "Not a valid datetime.",
                f"{PROFILES}/0/attributes/subscriptions/email/marketing/consented_at",
            )
        ],
    ),
    "consented_at right now": (
        subscription_job(subscriber(consented("2026-07-15T12:00:00Z")), historical_import=True),
        [
            (
                "'consented_at' must be in the past.",
                f"{PROFILES}/0/attributes/subscriptions/email/marketing/consented_at",
            )
        ],
    ),
    "consented_at in the future": (
        subscription_job(
            subscriber(consented("2026-07-16T00:00:00Z")),
            historical_import=True,
        ),
        [
            (
                "'consented_at' must be in the past.",
                f"{PROFILES}/0/attributes/subscriptions/email/marketing/consented_at",
            )
        ],
    ),
    "a date of birth that is none": (
        subscription_job(subscriber(age_gated_date_of_birth="15/07/2000")),
        [("Not a valid date.", f"{PROFILES}/0/attributes/age_gated_date_of_birth")],
    ),
    "a deletion by two identifiers": (
        deletion(profile(phone_number="+14155550100")),
        [("Exactly one of id, email and phone_number is required.", EVENT_PROFILE)],
    ),
    "a deletion by none": (
        deletion(profile_without_email()),
        [("Exactly one of id, email and phone_number is required.", EVENT_PROFILE)],
    ),
    "a merge of two sources": (
        merge("a", "b", "c"),
        [("Exactly one profile is required.", "/data/relationships/profiles/data")],
    ),
    "a list without a name": (
        new_list(name=" "),
        [("This field may not be blank.", "/data/attributes/name")],
    ),
}


@pytest.mark.parametrize(("document", "expected"), VALUES.values(), ids=VALUES)
def test_values(document: Json, expected: list[tuple[str, str | None]]) -> None:
    """Values outside of Klaviyo's limits are refused where they stand."""
    assert judged(document) == expected


@pytest.mark.parametrize("method", ["POST", "DELETE"])
@pytest.mark.parametrize(("number", "status"), [(0, 400), (1001, 400)])
def test_a_list_takes_1_to_1000_members_at_a_time(method: str, number: int, status: int) -> None:
    path = "/api/lists/SINGLE/relationships/profiles"
    response = answer_to(account(), request(method, path, members(*["01A"] * number)))
    assert (response.status, problems(response)) == (
        status,
        [("Between 1 and 1000 items are allowed.", "/data")],
    )


def test_a_bulk_request_reports_every_bad_item_and_applies_none() -> None:
    made = account()
    document = events_job(
        entry(),
        entry(recorded(value="1")),
        entry(),
        entry(person=profile_without_email()),
        entry(recorded(unique_id="5"), recorded(time="now")),
    )
    response = post(made, "/api/event-bulk-create-jobs", document)
    assert (response.status, problems(response), made.events) == (
        400,
        [
            ("Not a valid number.", f"{BULK}/1/attributes/events/data/0/attributes/value"),
            (IDENTIFIER, f"{BULK}/3/attributes/profile/data/attributes"),
            ("Not a valid datetime.", f"{BULK}/4/attributes/events/data/1/attributes/time"),
        ],
        [],
    )


REGIONS = {
    "within the account's regions": ({"sms_regions": frozenset({"US"})}, []),
    "outside of them": (
        {"sms_regions": frozenset({"DK"})},
        [
            (
                "Phone number is valid but is not in a supported region for this account.",
                "/data/attributes/phone_number",
            )
        ],
    ),
    "a number that is refused by name": (
        {"refused_phones": frozenset({"+14155550100"})},
        [
            (
                "Phone number is valid but is not in a supported region for this account.",
                "/data/attributes/phone_number",
            )
        ],
    ),
}


@pytest.mark.parametrize(("policy", "expected"), REGIONS.values(), ids=REGIONS)
def test_a_phone_number_must_be_in_a_region_of_the_account(policy: Json, expected: Json) -> None:
    assert judged(upsert(profile(phone_number="+14155550100")), policy=policy) == expected


def test_a_phone_number_alone_needs_sms_to_be_set_up() -> None:
    no_sms = {"sms_regions": frozenset[str]()}
    alone = upsert(profile_without_email(phone_number="+14155550100"))
    assert judged(alone, policy=no_sms) == [
        (
            "A phone number alone requires SMS to be set up for this account.",
            "/data/attributes/phone_number",
        )
    ]
    assert judged(upsert(profile(phone_number="+14155550100")), policy=no_sms) == []


def test_properties_of_a_profile_may_be_deep_and_many() -> None:
    assert (
        judged(upsert(profile(properties={"a": nested(30), **{str(n): n for n in range(500)}})))
        == []
    )


def test_a_body_of_any_depth_is_answered() -> None:
    made = account()
    answered = set()
    for depth in range(700, 1100):
        text_of_body = json.dumps(import_job(profile(properties={"a": "deep"})))
        body = text_of_body.replace('"deep"', "[" * depth + "]" * depth).encode()
        asked = Request.of("POST", "/api/profile-bulk-import-jobs", HEADERS, body)
        answered.add(answer_to(made, asked).status)
    assert answered <= {202, 400}

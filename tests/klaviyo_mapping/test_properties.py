"""What holds for every message that satisfies the schema, whatever is inside it."""

import copy
import dataclasses
import json
from collections.abc import Callable, Mapping
from datetime import UTC, datetime, timedelta
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from klaviyo_mapping import Dropped, Mapped, Message, Settings, canonical, map_message
from klaviyo_mapping.segment.keys import normalise
from klaviyo_mapping.segment.remembering import LETTERS_KEPT, LETTERS_OF_A_KEY
from klaviyo_mapping.segment.text import as_text
from klaviyo_mapping.settings.rules import Rules
from operations import CreateEvent, Operation, UpsertProfile, from_json, to_json
from tests.suite.effort import examples

NOW = datetime(2026, 6, 1, tzinfo=UTC)

TRAITS = (
    "email", "$email", "Email", "phone", "phoneNumber", "$phone_number", "exchange_id", "_kx",
    "$id", "id", "_id", "name", "firstName", "first_name", "lastName", "$last_name", "company",
    "organization", "title", "position", "avatar", "image", "locale", "address", "Address", "city",
    "street", "region", "state", "country", "zip", "postal_code", "timezone", "latitude", "plan",
    "longitude", "vip", "vips",
)  # fmt: skip
PLACES = ("street", "address2", "city", "state", "zip", "postalCode", "country", "name", "latitude")
PROPERTIES = (
    "email", "$email", "_kx", "$value", "revenue", "total", "currency", "$event_id", "eventId",
    "order_id", "orderId", "id", "products", "Items", "coupon", "discount", "vips", "channels",
    "phone", "list_id", "all_lists", "historical_import", "consented_at", "custom_source", "name",
    "price", "cart_id", "checkout_url", "reason",
)  # fmt: skip
PRODUCTS = (
    "product_id", "productId", "id", "sku", "name", "price", "quantity", "category", "brand", "url",
    "image_url", "variant",
)  # fmt: skip

scalars = (
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(max_size=8)
)
anything = st.recursive(
    scalars,
    lambda inner: (
        st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=3)
    ),
    max_leaves=6,
)
telling = st.sampled_from(
    [
        "ada@example.org", "bob@example.org", "ada", "+14155552671", "020 7183 8750", "GB", "USD",
        "Ada Lovelace", "en-US", "$39.95", "1,299.00", 19.99, 3, 0, -1, "a", "a_2", "#1", "x" * 300,
        "2026-03-01T10:00:00.123Z", None, True, False, "",
    ]
)  # fmt: skip
value = telling | anything


def an_object(names: tuple[str, ...], **inner: st.SearchStrategy[Any]) -> Any:
    """Objects with some of the names, in any order; some of them hold what `inner` gives."""
    pair = st.sampled_from(names).flatmap(
        lambda name: st.tuples(st.just(name), inner.get(name.lower(), value))
    )
    return st.lists(pair, max_size=10).map(dict)


traits = an_object(TRAITS, address=an_object(PLACES) | value, company=an_object(PLACES) | value)
properties = an_object(
    PROPERTIES, products=st.lists(an_object(PRODUCTS) | value, max_size=6) | value
)
contexts = an_object(
    ("traits", "personas", "location", "timezone", "library", "locale", "ip"),
    locale=st.sampled_from(["en-US", "de_DE"]) | value,
    ip=st.sampled_from(["203.0.113.9", "0.0.0.0", "2001:db8::1"]) | value,
    traits=traits | value,
    location=an_object(PLACES) | value,
    library=st.just({"name": "analytics.js"}) | value,
    personas=an_object(
        ("computation_class", "computation_key", "audience_settings", "external_audience_id"),
        computation_class=st.just("audience") | value,
        computation_key=st.just("vips") | value,
        audience_settings=an_object(("listId",)) | value,
    )
    | value,
)
trait_names = st.lists(st.sampled_from(TRAITS) | value, max_size=3) | value
integrations = an_object(
    ("All", "Klaviyo", "klaviyo"),
    klaviyo=an_object(
        (
            "listId",
            "confirmOptin",
            "list_id",
            "fieldsToAppend",
            "fieldsToUnappend",
            "fieldsToUnset",
        ),
        fieldstoappend=trait_names,
        fieldstounappend=trait_names,
        fieldstounset=trait_names,
    )
    | value,
)
texts = st.none() | st.text(max_size=8)
times = texts | st.sampled_from(["2026-03-01T10:00:00.123Z", "2026-03-01", "9999-12-31T23:59:59Z"])
ids = texts | st.integers() | st.sampled_from(["ada@example.org", "x" * 300]) | st.floats(-9, 9)
others = st.fixed_dictionaries(
    {
        "type": st.sampled_from(
            ["identify", "track", "track", "delete", "alias", "group", "page", "screen"]
        ),
        "event": st.sampled_from(
            [
                "Order Completed",
                "Order Refunded",
                "Item Added",
                "User Subscribed",
                "User Unsubscribed",
                "Product Viewed",
                "Product Added",
                "Checkout Started",
            ]
        ),
        "userId": st.just("ada@example.org") | ids,
    },
    optional={
        "messageId": texts | st.just("m" * 300),
        "anonymousId": ids,
        "previousId": ids | value,
        "groupId": ids | value,
        "name": st.just("Home") | value,
        "category": st.just("Shop") | value,
        "timestamp": times,
        "originalTimestamp": times,
        "receivedAt": times,
        "context": st.none() | contexts,
        "integrations": st.none() | integrations,
        "traits": st.none() | traits,
        "properties": st.none() | properties,
    },
)
product_ids = st.sampled_from(["a", "a_2", "a_2_2", "#1", "#2", 1, "1", "x" * 252, None])
orders = st.fixed_dictionaries(
    {
        "type": st.just("track"),
        "event": st.just("Order Completed"),
        "userId": st.just("ada@example.org"),
        "properties": st.fixed_dictionaries(
            {
                "products": st.lists(
                    st.fixed_dictionaries({}, optional={"id": product_ids, "sku": product_ids})
                    | value,
                    max_size=8,
                )
            },
            optional={"order_id": product_ids, "$event_id": st.sampled_from(["1_a", "a_1", "a"])},
        ),
    },
    optional={"messageId": texts},
)
documents = others | orders
choices = st.builds(
    Settings,
    confirm_optin=st.booleans(),
    enforce_email=st.booleans(),
    list_id=st.sampled_from([None, "Y6nRLr"]),
    fallback_on_anonymous_id=st.booleans(),
    send_placed_order_as_order_completed=st.booleans(),
    default_country=st.sampled_from([None, "GB"]),
    audience_lists=st.sampled_from([None, "auto", {}, {"vips": "WmB7kT"}]),
    consent_events=st.booleans(),
    subscribe_event=st.sampled_from(["User Subscribed", "Order Completed"]),
    forward_deletions=st.booleans(),
    order_property_names=st.sampled_from(["classic", "klaviyo"]),
    ecommerce_metrics=st.sampled_from(["segment", "klaviyo"]),
    keep_user_id=st.sampled_from([None, "user_id"]),
    send_anonymous_id=st.booleans(),
    forward_aliases=st.booleans(),
    forward_types=st.sampled_from([(), ("page",), ("group", "page", "screen")]),
    list_opt_in=st.sampled_from(["account", "double"]),
    send_context=st.booleans(),
    rules=st.sampled_from([None, Rules()]),
)


def for_all(*strategies: Any) -> Callable[[Callable[..., None]], Callable[[], None]]:
    """For messages and settings of many kinds."""

    def decorate(test: Callable[..., None]) -> Callable[[], None]:
        quick = settings(max_examples=examples(200))
        given_all: Any = given(*strategies)
        checked: Callable[[], None] = quick(given_all(test))
        return checked

    return decorate


def map_document(document: Mapping[str, Any], chosen: Settings) -> Mapped | Dropped:
    return map_message(Message.from_canonical(document), chosen, NOW)


def operations_of(document: Mapping[str, Any], chosen: Settings) -> tuple[Operation, ...]:
    result = map_document(document, chosen)
    return result.operations if isinstance(result, Mapped) else ()


@for_all(documents, choices)
def test_a_message_gives_at_least_one_operation_or_a_reason(
    document: dict[str, Any], chosen: Settings
) -> None:
    result = map_document(document, chosen)
    assert isinstance(result, Dropped) or result.operations


@for_all(documents, choices)
def test_the_message_is_never_changed(document: dict[str, Any], chosen: Settings) -> None:
    before = copy.deepcopy(document)
    map_document(document, chosen)
    assert json.dumps(document) == json.dumps(before)


@for_all(documents, choices)
def test_mapping_twice_gives_the_same(document: dict[str, Any], chosen: Settings) -> None:
    assert map_document(document, chosen) == map_document(copy.deepcopy(document), chosen)


@for_all(documents, choices)
def test_rules_that_say_nothing_change_nothing(document: dict[str, Any], chosen: Settings) -> None:
    ruled, free = (dataclasses.replace(chosen, rules=rules) for rules in (Rules(), None))
    assert map_document(document, ruled) == map_document(document, free)


@for_all(documents, choices, st.integers(0, 10_000))
def test_the_clock_decides_nothing_for_a_message_that_is_not_ahead_of_it(
    document: dict[str, Any], chosen: Settings, days: int
) -> None:
    past = {key: held for key, held in document.items() if not str(held).startswith("9999")}
    message = Message.from_canonical(past)
    later = map_message(message, chosen, NOW + timedelta(days=days))
    assert map_message(message, chosen, NOW) == later


@for_all(documents, choices)
def test_operations_survive_the_queue(document: dict[str, Any], chosen: Settings) -> None:
    for operation in operations_of(document, chosen):
        assert from_json(json.loads(json.dumps(to_json(operation)))) == operation


@for_all(orders, choices)
def test_unique_ids_have_1_to_255_characters_and_differ_within_a_message(
    document: dict[str, Any], chosen: Settings
) -> None:
    events = operations_of(document, chosen)
    unique_ids = [event.unique_id for event in events if isinstance(event, CreateEvent)]
    products = [entry for entry in document["properties"]["products"] if isinstance(entry, dict)]
    assert all(1 <= len(unique_id) <= 255 for unique_id in unique_ids)
    assert len(set(unique_ids)) == len(unique_ids) == 1 + len(products)


@for_all(documents, choices)
def test_a_profile_is_named_by_at_least_one_identifier_and_by_text_alone(
    document: dict[str, Any], chosen: Settings
) -> None:
    for operation in operations_of(document, chosen):
        identity = to_json(operation).get("identity", {"email": "ada@example.org"})
        assert identity
        assert all(isinstance(found, str) and found.strip() for found in identity.values())


@for_all(documents, choices)
def test_external_ids_are_not_sent_while_the_email_is_enforced(
    document: dict[str, Any], chosen: Settings
) -> None:
    enforcing = dataclasses.replace(chosen, enforce_email=True)
    for operation in operations_of(document, enforcing):
        assert "external_id" not in to_json(operation).get("identity", {})


@for_all(documents, choices)
def test_values_are_written_as_numbers_and_come_with_their_currency_only(
    document: dict[str, Any], chosen: Settings
) -> None:
    for operation in operations_of(document, chosen):
        if isinstance(operation, CreateEvent):
            assert operation.value is None or type(operation.value) in (int, float)
            assert operation.value_currency is None or operation.value is not None


@for_all(traits, choices)
def test_nothing_that_a_user_sent_is_lost(sent: dict[str, Any], chosen: Settings) -> None:
    document = {"type": "identify", "userId": "ada@example.org", "traits": sent}
    for upsert in operations_of(document, chosen):
        if not isinstance(upsert, UpsertProfile):
            continue
        said = [*upsert.identity.attributes().values(), *upsert.attributes.values()]
        said += upsert.attributes.get("location", {}).values()
        said += upsert.phone_as_sent.values()
        for key, held in sent.items():
            if key in upsert.properties:
                assert upsert.properties[key] is held
            elif normalise(key) not in ("id", "$id"):
                for part in held.values() if isinstance(held, dict) else [held]:
                    assert part is None or (as_text(part) or "").strip() in map(stripped, said)


def stripped(said: Any) -> str:
    return (as_text(said) or "").strip()


EXACT = st.fixed_dictionaries(
    {
        "type": st.sampled_from(["identify", "track"]),
        "event": st.sampled_from(["Order Completed", "Item Added", "User Subscribed"]),
        "messageId": st.just("m1"),
        "userId": st.just("ada@example.org") | ids,
    },
    optional={
        "integrations": st.fixed_dictionaries(
            {}, optional={"Klaviyo": st.fixed_dictionaries({"listId": telling}) | telling}
        ),
        "context": st.fixed_dictionaries(
            {},
            optional={
                "traits": st.fixed_dictionaries({}, optional={"email": telling, "phone": telling}),
                "timezone": telling,
                "personas": st.just({})
                | st.fixed_dictionaries(
                    {
                        "computation_class": st.just("audience"),
                        "computation_key": st.just("vips"),
                    },
                    optional={"audience_settings": st.just({"listId": "AAAAAA"})},
                ),
            },
        ),
        "traits": st.fixed_dictionaries(
            {},
            optional={
                "email": telling,
                "$email": telling,
                "phoneNumber": telling,
                "firstName": telling,
                "$last_name": telling,
                "address": st.fixed_dictionaries({}, optional={"postalCode": telling}),
            },
        ),
        "properties": st.fixed_dictionaries(
            {},
            optional={
                "vips": st.booleans(),
                "channels": telling,
                "phone": telling,
                "all_lists": telling,
                "historical_import": telling,
                "consented_at": telling,
                "email": telling,
                "revenue": telling,
                "eventId": telling,
                "orderId": telling,
                "products": st.lists(
                    st.fixed_dictionaries({"productId": telling}, optional={"price": telling})
                ),
            },
        ),
    },
)
SPELLINGS: tuple[Callable[[str], str], ...] = (
    str.upper,
    str.title,
    lambda key: "_".join(key),
    lambda key: f"{key[0]}-{key[1:]}",
    lambda key: f"{key} ",
)


def respelled(document: Any, spell: Callable[[str], str]) -> Any:
    if isinstance(document, dict):
        return {spell(key): respelled(held, spell) for key, held in document.items()}
    if isinstance(document, list):
        return [respelled(held, spell) for held in document]
    return document


def without_properties(result: Mapped | Dropped) -> Any:
    if isinstance(result, Dropped):
        return result
    own = ("properties", "phone_as_sent")
    written = [to_json(operation) for operation in result.operations]
    return [{key: op[key] for key in op if key not in own} for op in written], result.warnings


@for_all(EXACT, choices, st.sampled_from(SPELLINGS))
def test_a_loose_spelling_gives_what_the_exact_one_gives(
    document: dict[str, Any], chosen: Settings, spell: Callable[[str], str]
) -> None:
    loose = map_document(canonical(respelled(document, spell)), chosen)
    assert without_properties(loose) == without_properties(map_document(document, chosen))


@for_all(EXACT, choices)
def test_the_number_of_other_keys_makes_no_difference(
    document: dict[str, Any], chosen: Settings
) -> None:
    others = {f"other{number}": number for number in range(LETTERS_KEPT // LETTERS_OF_A_KEY)}
    crowded = {
        key: {**others, **held} if isinstance(held, dict) else held
        for key, held in document.items()
    }
    assert without_properties(map_document(crowded, chosen)) == without_properties(
        map_document(document, chosen)
    )

"""The settings: their defaults, what each reads, and how a mistake is reported."""

import dataclasses
from typing import Any

import pytest

from klaviyo_mapping import SettingError, Settings
from klaviyo_mapping.segment.message import FORWARDABLE
from klaviyo_mapping.settings.rules import Rules

BOOLEANS = (
    "CONFIRM_OPTIN",
    "ENFORCE_EMAIL",
    "FALLBACK_ON_ANONYMOUS_ID",
    "SEND_PLACED_ORDER_AS_ORDER_COMPLETED",
    "CONSENT_EVENTS",
    "FORWARD_DELETIONS",
    "SEND_ANONYMOUS_ID",
    "FORWARD_ALIASES",
    "SEND_CONTEXT",
)


def test_the_defaults_are_the_old_destinations_and_what_is_beyond_is_off() -> None:
    assert Settings.from_environment({}) == Settings(
        confirm_optin=True,
        enforce_email=True,
        list_id=None,
        fallback_on_anonymous_id=False,
        send_placed_order_as_order_completed=True,
        default_country=None,
        audience_lists=None,
        consent_events=False,
        subscribe_event="User Subscribed",
        unsubscribe_event="User Unsubscribed",
        forward_deletions=False,
        order_property_names="classic",
        ecommerce_metrics="segment",
        keep_user_id=None,
        send_anonymous_id=False,
        forward_aliases=False,
        forward_types=(),
        list_opt_in="account",
        consent_source="Segment",
        send_context=False,
        rules=None,
    )


@pytest.mark.parametrize(
    ("variable", "text", "value"),
    [
        *(
            (variable, text, True)
            for variable in BOOLEANS
            for text in ("true", "TRUE", " true ", "1", "yes", "on")
        ),
        *(
            (variable, text, False)
            for variable in BOOLEANS
            for text in ("false", "False", "0", "no", "off")
        ),
        ("LIST_ID", "Y6nRLr", "Y6nRLr"),
        ("LIST_ID", " Y6nRLr\n", "Y6nRLr"),
        ("DEFAULT_COUNTRY", "GB", "GB"),
        ("DEFAULT_COUNTRY", "gb", "GB"),
        ("DEFAULT_COUNTRY", "UK", "GB"),
        ("AUDIENCE_LISTS", "auto", "auto"),
        ("AUDIENCE_LISTS", " AUTO ", "auto"),
        ("AUDIENCE_LISTS", '{"vips": "Y6nRLr", "a b": "x"}', {"vips": "Y6nRLr", "a b": "x"}),
        ("AUDIENCE_LISTS", "{}", {}),
        ("SUBSCRIBE_EVENT", " Newsletter Joined ", "Newsletter Joined"),
        ("UNSUBSCRIBE_EVENT", "x" * 127, "x" * 127),
        ("ORDER_PROPERTY_NAMES", "Klaviyo", "klaviyo"),
        ("ORDER_PROPERTY_NAMES", "classic", "classic"),
        ("ECOMMERCE_METRICS", "klaviyo", "klaviyo"),
        ("ECOMMERCE_METRICS", "SEGMENT", "segment"),
        ("KEEP_USER_ID", "user_id", "user_id"),
        ("KEEP_USER_ID", "Segment User-Id", "Segment User-Id"),
        ("FORWARD_TYPES", "page", ("page",)),
        ("FORWARD_TYPES", "Screen, group,page", ("group", "page", "screen")),
        ("FORWARD_TYPES", "page screen page", ("page", "screen")),
        ("LIST_OPT_IN", "Double", "double"),
        ("LIST_OPT_IN", "single", "single"),
        ("LIST_OPT_IN", "account", "account"),
        ("CONSENT_SOURCE", " Web shop ", "Web shop"),
        ("RULES", '[types]\ndeny = ["track"]', Rules(deny_types=frozenset({"track"}))),
    ],
)
def test_a_variable_sets_only_the_setting_of_its_name(variable: str, text: str, value: Any) -> None:
    expected = dataclasses.replace(Settings(), **{variable.lower(): value})
    assert Settings.from_environment({variable: text, "PATH": "/bin"}) == expected


@pytest.mark.parametrize("variable", [field.name.upper() for field in dataclasses.fields(Settings)])
@pytest.mark.parametrize("text", ["", "  "])
def test_a_blank_variable_means_the_default(variable: str, text: str) -> None:
    assert Settings.from_environment({variable: text}) == Settings()


@pytest.mark.parametrize(
    ("variable", "text", "message"),
    [
        *((variable, "maybe", f"{variable}: expected true or false") for variable in BOOLEANS),
        *((variable, "2", f"{variable}: expected true or false") for variable in BOOLEANS),
        *(
            (
                "LIST_ID",
                text,
                "LIST_ID: expected a Klaviyo list id such as Y6nRLr (letters and digits)",
            )
            for text in ("../Y6nRLr", "Y6 nRLr", "x" * 65)
        ),
        *(
            (
                "DEFAULT_COUNTRY",
                text,
                "DEFAULT_COUNTRY: expected a two-letter country code (ISO 3166 alpha-2) such as US",
            )
            for text in ("USA", "U", "U1", "XX", "EU", "United Kingdom")
        ),
        *(
            (
                "AUDIENCE_LISTS",
                text,
                "AUDIENCE_LISTS: expected auto, or a JSON object of audience keys and Klaviyo list "
                'ids such as {"vips": "Y6nRLr"}',
            )
            for text in (
                "automatic",
                "vips=Y6nRLr",
                "[]",
                '["vips", "Y6nRLr"]',
                "7",
                "{",
                '{"vips": 7}',
                '{"vips": null}',
                '{"vips": "no list"}',
                '{" ": "Y6nRLr"}',
                '{"vips": {"id": "Y6nRLr"}}',
                "[" * 100_000,
            )
        ),
        (
            "AUDIENCE_LISTS",
            '{"VIPs": "Y6nRLr", "vips": "WmB7kT"}',
            "AUDIENCE_LISTS: expected each audience key once, whatever its spelling",
        ),
        *(
            (variable, "x" * 128, f"{variable}: expected an event's name of at most 127 characters")
            for variable in ("SUBSCRIBE_EVENT", "UNSUBSCRIBE_EVENT")
        ),
        (
            "UNSUBSCRIBE_EVENT",
            "user_subscribed",
            "UNSUBSCRIBE_EVENT: expected a different event than SUBSCRIBE_EVENT",
        ),
        (
            "ORDER_PROPERTY_NAMES",
            "segment",
            "ORDER_PROPERTY_NAMES: expected classic or klaviyo",
        ),
        ("ECOMMERCE_METRICS", "classic", "ECOMMERCE_METRICS: expected segment or klaviyo"),
        *(
            (
                "KEEP_USER_ID",
                text,
                "KEEP_USER_ID: expected a property's name such as user_id "
                "(letters, digits, _, -, . and space)",
            )
            for text in ("$id", "user/id", "x" * 65)
        ),
        *(
            (
                "FORWARD_TYPES",
                text,
                f"FORWARD_TYPES: expected some of {', '.join(FORWARDABLE)}, with commas between"
                " them",
            )
            for text in ("alias", "page, track", ",", "true")
        ),
        *(
            ("LIST_OPT_IN", text, "LIST_OPT_IN: expected account or single or double")
            for text in ("single_opt_in", "true", "none")
        ),
        *(
            (
                "CONSENT_SOURCE",
                text,
                "CONSENT_SOURCE: expected a text of at most 100 characters on one line",
            )
            for text in ("x" * 101, "web\nshop", "tab\there")
        ),
        (
            "RULES",
            "[events]\ndeny = 7",
            'RULES: [events] deny: expected a list of texts such as ["One", "Another"]',
        ),
    ],
)
def test_a_variable_that_cannot_be_read_is_named_and_not_quoted(
    variable: str, text: str, message: str
) -> None:
    with pytest.raises(SettingError) as error:
        Settings.from_environment({variable: text})
    assert (error.value.name, str(error.value)) == (variable, message)

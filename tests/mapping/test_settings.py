"""The settings: their defaults, what each reads, and how a mistake is reported."""

import dataclasses
from typing import Any

import pytest

from klaviyo_mapping import SettingError, Settings

BOOLEANS = (
    "CONFIRM_OPTIN",
    "ENFORCE_EMAIL",
    "FALLBACK_ON_ANONYMOUS_ID",
    "SEND_PLACED_ORDER_AS_ORDER_COMPLETED",
)


def test_the_defaults_are_the_old_destinations() -> None:
    assert Settings.from_environment({}) == Settings(
        confirm_optin=True,
        enforce_email=True,
        list_id=None,
        fallback_on_anonymous_id=False,
        send_placed_order_as_order_completed=True,
        default_country=None,
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
    ],
)
def test_a_variable_sets_the_setting_of_its_name_alone(
    variable: str, text: str, value: Any
) -> None:
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
            for text in ("USA", "U", "U1", "United Kingdom")
        ),
    ],
)
def test_a_variable_that_cannot_be_read_is_named_and_not_quoted(
    variable: str, text: str, message: str
) -> None:
    with pytest.raises(SettingError) as error:
        Settings.from_environment({variable: text})
    assert (error.value.name, str(error.value)) == (variable, message)

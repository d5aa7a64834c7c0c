"""JSON values as the text that Klaviyo's string attributes and identifiers take."""

from decimal import Decimal

from operations import Json


def as_text(value: Json) -> str | None:
    """A string as it is, a number written out in digits; None for every other value."""
    if isinstance(value, str):
        return value
    if isinstance(value, bool):
        return None
    if isinstance(value, int):
        return str(value)
    if isinstance(value, float):
        return _digits(value)
    return None


def as_identifier(value: Json) -> str | None:
    """Text that can name something: as `as_text`, and not blank."""
    text = value if isinstance(value, str) else as_text(value)
    return text if text and not text.isspace() else None


def is_blank(value: Json) -> bool:
    """Whether it is a text of nothing but white space, which counts as absent."""
    return isinstance(value, str) and not value.strip()


def _digits(number: float) -> str:
    """The number without an exponent; a whole one without a point, as JavaScript writes it."""
    return str(int(number)) if number.is_integer() else format(Decimal(repr(number)), "f")

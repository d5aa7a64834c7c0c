"""Amounts of money and quantities: JSON numbers, or text as shops write it."""

import re
from collections.abc import Iterable
from decimal import Decimal
from functools import lru_cache

from klaviyo_mapping.operations import Json

Amount = int | float

LIMIT = 2**63
"""Klaviyo's integers have 64 bits; what is beyond is no amount."""

_LONGEST_TEXT = 40
_CURRENCY = r"(?:[A-Z]{0,3}[$¢-¥฿\u20a0-\u20cf]|[A-Z]{3})?"
_TEXT = r"{currency}\s?(?P<sign>[-+]?)\s?{currency}\s?{number}\s?{currency}"
_NUMBERS = (
    # A decimal point: 39.95, 1299, 1,299.00, 1 299.00, 1'299
    r"(?P<whole>[0-9]{1,3}(?:[,'’\s][0-9]{3})+|[0-9]+|(?=\.[0-9]))(?:\.(?P<fraction>[0-9]*))?",
    # A decimal comma has two digits after it: 39,95, 1.299,00, 1 299,00
    r"(?P<whole>[0-9]{1,3}(?:[.'’\s][0-9]{3})+|[0-9]+),(?P<fraction>[0-9]{2})",
)
_SPELLINGS = tuple(
    re.compile(_TEXT.format(currency=_CURRENCY, number=number)) for number in _NUMBERS
)
_NOT_DIGITS = re.compile(r"[^0-9]")


def as_amount(value: Json) -> Amount | None:
    """A number, or the number that a text such as `"$39.95"` or `"1,299.00"` states; else None.

    White space and a currency (a symbol, a three-letter code or both) may stand around it, and
    `,`, `'` or a space between thousands. `"1,299"` is 1299, but a single comma before exactly two
    last digits is a decimal comma: `"39,95"` is 39.95. Text without decimals gives an integer.
    """
    kind = type(value)
    if kind is int or kind is float:
        return value if -LIMIT <= value < LIMIT else None
    return _read(value) if kind is str else None


@lru_cache(maxsize=1024, typed=True)
def multiply(price: Amount, quantity: Amount) -> Amount | None:
    """The product as one would write it on paper: 3 × 19.99 is 59.97; None beyond `LIMIT`."""
    if isinstance(price, int) and isinstance(quantity, int):
        return _within_limit(price * quantity)
    return _within_limit(float(Decimal(str(price)) * Decimal(str(quantity))))


def total(amounts: Iterable[Amount]) -> Amount | None:
    """The sum as one would write it on paper; None of nothing, and beyond `LIMIT`."""
    listed = list(amounts)
    if not listed:
        return None
    if all(isinstance(amount, int) for amount in listed):
        return _within_limit(sum(listed))
    return _within_limit(float(sum(Decimal(str(amount)) for amount in listed)))


def _read(text: str) -> Amount | None:
    text = text.strip()
    if len(text) > _LONGEST_TEXT:
        return None
    for spelling in _SPELLINGS:
        found = spelling.fullmatch(text)
        if found:
            sign, fraction = found["sign"], found["fraction"]
            whole = _NOT_DIGITS.sub("", found["whole"]) or "0"
            number = f"{sign}{whole}.{fraction}" if fraction else f"{sign}{whole}"
            return _within_limit(float(number) if fraction else int(number))
    return None


def _within_limit(number: Amount) -> Amount | None:
    return number if -LIMIT <= number < LIMIT else None

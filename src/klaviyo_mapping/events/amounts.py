"""Amounts of money and quantities: JSON numbers, or text as shops write it."""

import re
from collections.abc import Iterable, Sequence
from decimal import Decimal
from functools import lru_cache

from operations import Json

Amount = int | float

LIMIT = 2**63
"""Klaviyo's integers have 64 bits; a larger number is not an amount."""

_LONGEST_TEXT = 40
"""Longer text is not read as an amount, so that no text takes long."""

_SYMBOLS = "$¢-¥฿؋৳៛﷼\u20a0-\u20cf＄￡￥￦"
_SYMBOL = re.compile(f"[{_SYMBOLS}]")
_NUMBER = re.compile(
    # Digits, with a single separator between two of them; a point may also come first or last.
    r"\.?[0-9]+(?:[.,'’\s][0-9]+)*"
    # No decimals, as written in Switzerland and Scandinavia: 5.– and 5,-
    r"(?:[.,][-\u2013\u2014]{1,2}|\.)?"
)
# What may stand around a number: white space, a sign, a bracket or a currency; after it also `/-`,
# as in India.
_AROUND = re.compile(
    rf"\s+|[-+\u2212()]|/-|[^\W\d_]{{0,3}}\s?[{_SYMBOLS}]|[A-Z]{{3}}(?![^\W_])|[^\W\d_]+(?:/\.?|\.)?"
)
_SIGNS = {"-": "-", "\u2212": "-", "+": "+", "(": "(", ")": ")", "/-": ""}
# A currency is `$` here and the number `0`. There is one sign at most, or brackets for less than 0.
_FORM = re.compile(r"\$?[-+]?\$?0\$?|\$?\(\$?0\$?\)\$?")

_DIRECTION = re.compile("[\u061c\u200e\u200f\u202a-\u202e\u2066-\u2069]")
"""Marks of writing direction, which browsers put around amounts in Arabic and Hebrew."""

_NO_DIGIT = re.compile(r"[^0-9]")

_ABBREVIATIONS = frozenset(
    (
        *("kr", "rs", "rp", "zł", "zl", "kč", "kc", "ft", "лв", "руб", "р", "грн", "lei", "ron"),
        *("fr", "sfr", "s/", "rm", "r", "usd", "eur", "gbp", "euro", "euros"),
    )
)
"""Currencies as shops write them, beside symbols and the codes of ISO 4217."""

_FINER_THAN_CENTS = frozenset(
    ("BHD", "IQD", "JOD", "KWD", "LYD", "OMR", "TND", "CLF", "UYW", "BTC", "XBT", "ETH", "₿")
)
"""Currencies of more than two decimals: those of ISO 4217, and what is traded like one."""


def as_amount(value: Json, currency: str | None = None) -> Amount | None:
    """A number, or the number that a text such as `"$39.95"` or `"1,299.00"` states; else None.

    A sign, brackets (for less than zero) and a currency may stand around it; `,`, `.`, `'` or a
    space between thousands, or hundreds of thousands as in India. Where there is only one
    separator:

    - `"39,95"`, `"5,5"` and `"0,999"` have a decimal comma: thousands are three digits, and follow
      no 0.
    - `"1.299"` is 1.299, and `"1,299"` is 1299. In a currency of two decimals or none both are
      1299, and in one of more both are 1.299. The text may name the currency; otherwise it is
      `currency` (a code of ISO 4217).

    Text without decimals gives an integer.
    """
    kind = type(value)
    if kind is int or kind is float:
        return value if -LIMIT <= value < LIMIT else None
    return _read(value, currency) if kind is str else None


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


def _read(text: str, currency: str | None) -> Amount | None:
    text = text.strip()
    if len(text) > _LONGEST_TEXT:
        return None
    found = _taken_apart(_DIRECTION.sub("", text))
    if found is None:
        return None
    sign, number, own_currency = found
    parts = _whole_and_fraction(number, own_currency or currency)
    if parts is None:
        return None
    whole, fraction = parts
    digits = f"{sign}{whole}.{fraction}" if fraction else f"{sign}{whole}"
    return _within_limit(float(digits) if fraction else int(digits))


def _taken_apart(text: str) -> tuple[str, str, str | None] | None:
    """The sign, the number and the currency, each as it stands there; None of any other text."""
    form, number, currency = "", "", None
    position = 0
    while position < len(text):
        found = None if number else _NUMBER.match(text, position)
        if found:
            number = found[0]
            form += "0"
        else:
            found = _AROUND.match(text, position)
            if not found:
                return None
            token = found[0].strip()
            if token in _SIGNS:
                form += _SIGNS[token]
            elif token:
                if not _is_currency(token):
                    return None
                currency = currency or token
                form += "$"
        position = found.end()
    if not _FORM.fullmatch(form):
        return None
    return "-" if "-" in form or "(" in form else "", number, currency


def _is_currency(token: str) -> bool:
    if _SYMBOL.search(token) or (len(token) == 3 and token.isascii() and token.isupper()):
        return True
    return token.rstrip(".").casefold() in _ABBREVIATIONS


def _whole_and_fraction(number: str, currency: str | None) -> tuple[str, str] | None:
    """The digits before and after the decimal separator; None where they are no number."""
    digits = number.rstrip("-\u2013\u2014")
    is_whole = digits[-1] in ".,"
    if is_whole:
        digits = digits[:-1]
    if digits.startswith("."):
        digits = f"0{digits}"
    groups = _NO_DIGIT.split(digits)
    separators = [
        each if each in ".," else each.strip() and "'" for each in _NO_DIGIT.findall(digits)
    ]
    fraction = ""
    if not is_whole and _is_last_decimal(groups, separators, currency):
        fraction = groups.pop()
        separators.pop()
    if separators and not _are_thousands(groups, separators):
        return None
    return "".join(groups), fraction


def _is_last_decimal(
    groups: Sequence[str], separators: Sequence[str], currency: str | None
) -> bool:
    """Whether decimals follow the last separator."""
    if not separators or separators[-1] not in (".", ",") or separators.count(separators[-1]) > 1:
        return False
    if len(separators) > 1:
        return True
    whole, after = groups
    if not whole.strip("0"):
        return True
    is_fine = currency in _FINER_THAN_CENTS
    if separators[-1] == ",":
        return len(after) < 3 or (len(after) == 3 and is_fine)
    return currency is None or is_fine or len(after) != 3 or len(whole) > 3


def _are_thousands(groups: Sequence[str], separators: Sequence[str]) -> bool:
    """Whether the groups are of three digits, or as in India: two, and three at the end."""
    first, *middle, last = groups
    if len(set(separators)) > 1 or not first.strip("0") or len(first) > 3 or len(last) != 3:
        return False
    if all(len(each) == 3 for each in middle):
        return True
    return separators[0] == "," and len(first) < 3 and all(len(each) == 2 for each in middle)


def _within_limit(number: Amount) -> Amount | None:
    return number if -LIMIT <= number < LIMIT else None

"""Amounts of money as shops write them: a text, and what it says in which currency."""

import pytest

from klaviyo_mapping.events.amounts import as_amount
from tests.suite.timing import processor_seconds

NONE, EUR, JPY, KWD = None, "EUR", "JPY", "KWD"

READ: list[tuple[str, str | None, int | float]] = [
    # Without a separator
    ("1299", NONE, 1299),
    ("007", NONE, 7),
    (" 12\n", NONE, 12),
    # A point
    ("39.95", NONE, 39.95),
    ("39.9", NONE, 39.9),
    ("19.9900", EUR, 19.99),
    (".5", EUR, 0.5),
    ("5.", EUR, 5),
    ("1.299", NONE, 1.299),
    ("1.299", EUR, 1299),
    ("1.299", JPY, 1299),
    ("1.299", KWD, 1.299),
    ("0.999", EUR, 0.999),
    ("1299.000", EUR, 1299.0),
    # A comma
    ("39,95", NONE, 39.95),
    ("1,299", NONE, 1299),
    ("1,299", EUR, 1299),
    ("0,999", NONE, 0.999),
    ("0,999", EUR, 0.999),
    ("0,5", NONE, 0.5),
    ("12345,67", NONE, 12345.67),
    ("5,5", NONE, 5.5),
    ("12,9", JPY, 12.9),
    ("1234,5", EUR, 1234.5),
    ("1,299", KWD, 1.299),
    ("1234,567", KWD, 1234.567),
    ("1,299", JPY, 1299),
    # A space, or an apostrophe
    ("1 299", NONE, 1299),
    ("1\u00a0299,50", NONE, 1299.5),
    ("1\u202f299\u202f000", NONE, 1299000),
    ("1'299.00", NONE, 1299.0),
    ("1’299", NONE, 1299),
    # More than one separator
    ("1,234,567", NONE, 1234567),
    ("1.234.567", NONE, 1234567),
    ("1,299.00", NONE, 1299.0),
    ("1,299.5", EUR, 1299.5),
    ("1.299,00", NONE, 1299.0),
    ("1.299,5", NONE, 1299.5),
    ("1.299,000", KWD, 1299.0),
    ("1,29,900.00", NONE, 129900.0),
    ("1,29,900", NONE, 129900),
    ("12,34,56,789", NONE, 123456789),
    # A currency before it, after it, or both
    ("$39.95", NONE, 39.95),
    ("US$39.95", NONE, 39.95),
    ("US $39.95", NONE, 39.95),
    ("$39.95 USD", NONE, 39.95),
    ("USD.50", NONE, 0.5),
    ("1.000 €", NONE, 1000),
    ("EUR 1.000", NONE, 1000),
    ("1.250 KWD", EUR, 1.25),
    ("1.250 EUR", KWD, 1250),
    ("12,500 KWD", NONE, 12.5),
    ("12,500 KWD", EUR, 12.5),
    ("BHD 1,250", NONE, 1.25),
    ("12,500 IQD", NONE, 12.5),
    ("JOD 0,750", NONE, 0.75),
    ("12,500 LYD", NONE, 12.5),
    ("12,500 OMR", NONE, 12.5),
    ("12,500 TND", NONE, 12.5),
    ("12,500 EUR", KWD, 12500),
    ("12,500.750 KWD", NONE, 12500.75),
    ("12.500,750 KWD", NONE, 12500.75),
    ("1,234,500 KWD", NONE, 1234500),
    ("234,5 €", NONE, 234.5),
    ("€ 5,5", NONE, 5.5),
    ("(5,5 kr)", NONE, -5.5),
    ("₿0.005", NONE, 0.005),
    ("₿1.005", NONE, 1.005),
    ("₹1,29,900.00", NONE, 129900.0),
    ("R$ 1.234,56", NONE, 1234.56),
    ("500 kr", NONE, 500),
    ("500 kr.", NONE, 500),
    ("kr. 1.500", NONE, 1500),
    ("Rs. 500", NONE, 500),
    ("Rs.500", NONE, 500),
    ("Rs 1,29,900/-", NONE, 129900),
    ("R 1 299.00", NONE, 1299.0),
    ("S/ 12.50", NONE, 12.5),
    ("S/. 12.50", NONE, 12.5),
    ("12 zł", NONE, 12),
    ("1 299 Kč", NONE, 1299),
    ("1 500 руб.", NONE, 1500),
    ("39.95 usd", NONE, 39.95),
    ("\u200f12.00\u00a0\u200f₪", NONE, 12.0),
    # No decimals
    ("5.–", NONE, 5),
    ("CHF 5.--", NONE, 5),
    ("1.299,-", NONE, 1299),
    # Below zero
    ("-5", NONE, -5),
    ("−12.00", NONE, -12.0),
    ("-$5.00", NONE, -5.0),
    ("$ -5", NONE, -5),
    ("(12.00)", NONE, -12.0),
    ("($12.00)", NONE, -12.0),
    ("$(12.00)", NONE, -12.0),
    ("(12,00 €)", NONE, -12.0),
    ("+5", NONE, 5),
]  # fmt: skip

NOT_READ = [
    "", " ", "free", "n/a", "$", "-", "()", ".", ",", "5k", "1e5", "0x10", "12 apples", "NaN",
    "Infinity", "--5", "-(5)", "(-5)", "(5", "5)", "12-", "39.95-45.00", "39.95 / 45.00", "5%",
    "12.34.56", "1,2,3", "0,999.00", "0 999", "1,234.567.89", "1.29.900",
    "1,2345", "1 2 3", "1..5", "1,,299", "1'29", "٣", "１２", "2026-03-01", "10:30", "$5 $6",
    "9223372036854775808", "-9223372036854775809", "1" * 41,
]  # fmt: skip


@pytest.mark.parametrize(("text", "currency", "amount"), READ)
def test_the_text_says(text: str, currency: str | None, amount: float) -> None:
    read = as_amount(text, currency)
    assert (read, type(read)) == (amount, type(amount))


def test_decimals_that_the_currency_does_not_have() -> None:
    """Neither thousands nor decimals."""
    assert [as_amount("1234,567", currency) for currency in (NONE, EUR, JPY)] == [None] * 3


@pytest.mark.parametrize("text", NOT_READ)
@pytest.mark.parametrize("currency", [NONE, EUR, KWD])
def test_the_text_says_nothing(text: str, currency: str | None) -> None:
    assert as_amount(text, currency) is None


LONG = 64_000
HOSTILE = [
    "1" * LONG,
    "1," * LONG,
    "1 " * LONG,
    " " * LONG + "1",
    "(" * LONG,
    "$" * LONG,
    "kr" * LONG,
    "\u200e" * LONG + "1",
    "-" * LONG + "5",
]


@pytest.mark.parametrize("text", HOSTILE, ids=[repr(text[:4]) for text in HOSTILE])
def test_no_text_takes_long(text: str) -> None:
    assert processor_seconds(lambda: as_amount(text), 0.005, 5) < 0.005


@pytest.mark.parametrize("piece", ["1 ", "1,", "$ ", "ab", "( ", "- ", "1.", "Rs."])
def test_no_short_text_takes_long(piece: str) -> None:
    text = piece * (40 // len(piece))
    assert processor_seconds(lambda: as_amount(text), 0.005, 5) < 0.005

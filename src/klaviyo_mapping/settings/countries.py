"""Countries by the names that people write, and by their codes of ISO 3166.

The table is that of the library `iso3166`. It is loaded when a number needs it (1 ms).
"""

import re
import unicodedata
from collections import Counter
from collections.abc import Iterator, Mapping
from functools import cache

COMMON_NAMES: Mapping[str, tuple[str, ...]] = {
    "AE": ("UAE", "Emirates"),
    "BA": ("Bosnia",),
    "BN": ("Brunei",),
    "CD": ("DR Congo", "DRC", "Congo Kinshasa"),
    "CG": ("Republic of the Congo", "Congo Brazzaville"),
    "CI": ("Ivory Coast",),
    "CN": ("People's Republic of China",),
    "CV": ("Cape Verde",),
    "CZ": ("Czech Republic",),
    "GB": (
        "United Kingdom",
        "Great Britain",
        "Britain",
        "England",
        "Scotland",
        "Wales",
        "Northern Ireland",
    ),
    "IE": ("Republic of Ireland",),
    "KP": ("North Korea",),
    "KR": ("South Korea",),
    "LA": ("Laos",),
    "MK": ("Macedonia",),
    "MM": ("Burma",),
    "MO": ("Macau",),
    "NL": ("Holland", "The Netherlands"),
    "NR": ("Nauru",),
    "PS": ("State of Palestine", "Palestinian Territories"),
    "RU": ("Russia",),
    "SY": ("Syria",),
    "SZ": ("Swaziland",),
    "TL": ("East Timor",),
    "TR": ("Turkey",),
    "US": ("United States", "America"),
    "VA": ("Vatican", "Vatican City"),
    "VI": ("United States Virgin Islands",),
    "VN": ("Vietnam",),
}
"""English names that ISO 3166 writes otherwise, by alpha-2 code."""

ALIASES = {"UK": "GB", "EL": "GR"}
"""Two letters that are in use for a country beside its own code, as in the European Union."""

RESERVED = frozenset({"AC", "TA"})
"""Ascension and Tristan da Cunha: no countries of ISO 3166, and with numbers of their own."""

NO_COUNTRY = frozenset({"", "n a", "none", "null", "undefined", "unknown", "not set", "other"})
"""What forms and SDKs write where there is no country, as `_plain` gives it."""

_BRACKETS = re.compile(r"\([^()]*\)|\[[^\[\]]*\]")
_BETWEEN_WORDS = re.compile(r"[\W_]+")
_IGNORED = frozenset({"the", "of", "and"})


def alpha2_of_code(code: str) -> str | None:
    """The code itself, or that of which it is an alias, in capitals; None where it is none."""
    from iso3166 import countries_by_alpha2

    code = code.upper()
    code = ALIASES.get(code, code)
    return code if code in countries_by_alpha2 or code in RESERVED else None


def alpha2_of_name(text: str) -> str | None:
    """The alpha-2 code of an alpha-3 or numeric code or an English name; None of any other text."""
    from iso3166 import countries_by_alpha3, countries_by_numeric

    code = text.replace(".", "").upper()
    country = countries_by_alpha3.get(code) or countries_by_numeric.get(code)
    if country is not None:
        return country.alpha2
    return next(filter(None, map(_by_name().get, _readings(text))), None)


def is_no_country(text: str) -> bool:
    """Whether a text says that there is no country; without a letter it says nothing."""
    return _plain(text) in NO_COUNTRY or not any(map(str.isalpha, text))


@cache
def _by_name() -> Mapping[str, str]:
    from iso3166 import countries

    official = [(name, each.alpha2) for each in countries for name in {each[0], each[4]}]
    found: dict[str, str] = {}
    for code, names in COMMON_NAMES.items():
        found.update(dict.fromkeys(map(_plain, names), code))
    for name, code in official:
        for reading in _readings(name):
            found.setdefault(reading, code)
    # "Bolivia, Plurinational State of" is also "Bolivia", but "Korea, Republic of" not "Korea".
    shortened = {(_plain(name.partition(",")[0]), code) for name, code in official if "," in name}
    number = Counter(short for short, _ in shortened)
    for short, code in shortened:
        if number[short] == 1:
            found.setdefault(short, code)
    return found


def _readings(name: str) -> Iterator[str]:
    """The name, without what stands in brackets, and the other way round: "Korea, Republic of"."""
    yield _plain(name)
    name = _BRACKETS.sub(" ", name)
    yield _plain(name)
    first, comma, rest = name.partition(",")
    if comma:
        yield _plain(f"{rest} {first}")


def _plain(name: str) -> str:
    """The name without accents, case and punctuation, and without words that are often missing."""
    text = unicodedata.normalize("NFKD", name).casefold().replace("&", " and ")
    text = "".join(each for each in text if each not in ".'’" and not unicodedata.combining(each))
    words = _BETWEEN_WORDS.sub(" ", text).split()
    return " ".join("saint" if word == "st" else word for word in words if word not in _IGNORED)

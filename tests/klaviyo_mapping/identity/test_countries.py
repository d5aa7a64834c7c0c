"""Countries as people write them, and the region of each: a table."""

import pytest
from iso3166 import countries
from phonenumbers import SUPPORTED_REGIONS

from klaviyo_mapping.identity.country import UNKNOWN, region_named
from operations import Json
from tests.suite.timing import processor_seconds

NAMED: dict[str, tuple[Json, ...]] = {
    "BO": ("Bolivia", "Plurinational State of Bolivia"),
    "BS": ("The Bahamas", "Bahamas (the)"),
    "CD": ("DR Congo", "Democratic Republic of the Congo"),
    "CG": ("Congo", "Republic of the Congo"),
    "CI": ("Côte d'Ivoire", "Cote d’Ivoire", "Ivory Coast"),
    "CZ": ("Czechia", "Czech Republic"),
    "DE": ("DE", "de", " DE ", "DEU", "deu", "Germany", "GERMANY", "276", 276),
    "GB": (
        *("GB", "UK", "U.K.", "GBR", "United Kingdom", "United Kingdom (UK)", "Great Britain"),
        *("England", "Scotland", "Wales", "Northern Ireland"),
    ),
    "GR": ("EL", "Greece"),
    "HK": ("Hong Kong", "HKG"),
    "KR": ("South Korea", "Korea, Republic of", "Republic of Korea"),
    "LC": ("St. Lucia", "Saint Lucia"),
    "MK": ("North Macedonia", "Macedonia"),
    "NL": ("Netherlands", "the Netherlands", "Netherlands, The", "Holland"),
    "RU": ("Russia", "Russian Federation"),
    "TR": ("Turkey", "Türkiye", "Turkiye"),
    "TT": ("Trinidad & Tobago", "Trinidad and Tobago"),
    "US": (
        *("US", "U.S.", "USA", "U.S.A.", "United States", "United States of America"),
        *("United States (US)", "america", 840),
    ),
    "VI": ("US Virgin Islands", "U.S. Virgin Islands"),
    "VN": ("Vietnam", "Viet Nam"),
    "XK": ("XK", "Kosovo"),
}  # fmt: skip
NONE: tuple[Json, ...] = (
    None, "", "  ", "XX", "xx", "EU", "EN", "T1", "ZZ", "n/a", "N/A", "none", "null", "undefined",
    "unknown", "-", "?", "0", "49", 7, 1.5, True, False, {}, [],
)  # fmt: skip
NOT_RECOGNISED: tuple[Json, ...] = (
    "Ruritania", "Deutschland", "Korea", "Virgin Islands", "GER", "EUR", "Europe", "Paris, France",
    "XXX", "United", "en-US", {"code": "DE"}, ["DE"], "x" * 101,
)  # fmt: skip


@pytest.mark.parametrize(
    ("country", "region"),
    [(country, region) for region, named in NAMED.items() for country in named],
)
def test_a_country_is_recognised(country: Json, region: str) -> None:
    assert region_named(country) == region


@pytest.mark.parametrize("country", NONE)
def test_what_is_no_country_names_none(country: Json) -> None:
    assert region_named(country) is None


@pytest.mark.parametrize("country", NOT_RECOGNISED, ids=lambda each: str(each)[:20])
def test_a_country_may_be_named_and_not_be_recognised(country: Json) -> None:
    assert region_named(country) == UNKNOWN


@pytest.mark.parametrize("country", countries, ids=lambda each: each.alpha2)
def test_every_country_of_the_library_by_its_codes_and_names(country: Json) -> None:
    named = (
        country.alpha2,
        country.alpha3,
        country.numeric,
        country.name,
        country.apolitical_name,
        country.apolitical_name.upper(),
    )
    assert [region_named(each) for each in named] == [country.alpha2] * len(named)


def test_every_region_that_has_numbers_is_recognised() -> None:
    assert [each for each in sorted(SUPPORTED_REGIONS) if region_named(each) != each] == []


@pytest.mark.parametrize("text", ["(" * 64_000, "a," * 64_000, "." * 64_000, "\u0301" * 64_000])
def test_no_text_takes_long(text: str) -> None:
    region_named("Germany")
    assert processor_seconds(lambda: region_named(text), 0.005, 5) < 0.005

"""A rules file: what it may say, and how each mistake in it is reported."""

from pathlib import Path

import pytest

from klaviyo_mapping.settings.rules import Fields, Patterns, Rules
from klaviyo_mapping.settings.rules_file import TYPES, RulesError, read_rules
from tests.suite.timing import processor_seconds

EXAMPLE = Path(__file__).parents[3] / "src" / "rules.example.toml"


def test_every_table_and_key() -> None:
    text = """
        [types]
        allow = ["track"]
        deny = ["identify", "delete"]
        [events]
        allow = ["Order *", " Signed Up "]
        deny = ["*debug*"]
        [rename]
        "Order Made" = " Order Completed "
        [traits]
        leave_out = ["ssn"]
        hash = ["national_id"]
        [traits.rename]
        "planName" = " plan "
        [properties]
        leave_out = ["margin", "products.cost", "products.buy_*"]
        hash = ["clerk", "Products.supplier"]
    """
    assert read_rules(text) == Rules(
        allow_types=frozenset({"track"}),
        deny_types=frozenset({"identify", "delete"}),
        allow_events=Patterns.of(["Order *", "Signed Up"]),
        deny_events=Patterns.of(["*debug*"]),
        renames={"ordermade": "Order Completed"},
        traits=Fields(
            Patterns.of(["ssn"]), Patterns.of(["national_id"]), renames={"planname": "plan"}
        ),
        properties=Fields(
            Patterns.of(["margin", "products.cost", "products.buy_*"]),
            Patterns.of(["clerk", "Products.supplier"]),
            {"products": Fields(Patterns.of(["cost", "buy_*"]), Patterns.of(["supplier"]))},
        ),
    )


def test_no_text_is_no_rule() -> None:
    assert read_rules("") == Rules()


def test_the_example_can_be_read_and_shows_every_key() -> None:
    text = EXAMPLE.read_text(encoding="utf-8")
    assert read_rules(text) != Rules()
    assert all(f"[{table}]" in text for table in ("types", "events", "rename", "traits.rename"))
    assert all(f"{key} = [" in text for key in ("allow", "deny", "leave_out", "hash"))


NAMES = 'a list of texts such as ["One", "Another"]'


@pytest.mark.parametrize(
    ("text", "where", "expected"),
    [
        (
            "[event]",
            "[event]",
            "one of types, events, rename, traits or properties, and nothing else",
        ),
        ("events = 3", "[events]", "a table"),
        ("[[events]]", "[events]", "a table"),
        ("[types]\nonly = []", "[types] only", "allow or deny, and nothing else"),
        ("[events]\nalow = []", "[events] alow", "allow or deny, and nothing else"),
        ("[traits]\ndeny = []", "[traits] deny", "leave_out, hash or rename, and nothing else"),
        ("[properties.x]", "[properties] x", "leave_out, hash or rename, and nothing else"),
        ("[traits]\nrename = 1", "[traits] rename", "a table [traits.rename]"),
        (
            '[traits.rename]\n"plan_*" = "plan"',
            '[traits.rename] "plan_*"',
            "the whole name of a trait: there is no * in a rename",
        ),
        (
            '[properties.rename]\n" " = "plan"',
            '[properties.rename] " "',
            "the whole name of a property: there is no * in a rename",
        ),
        (
            "[traits.rename]\nplanName = 1",
            '[traits.rename] "planName"',
            "a text of at most 127 characters",
        ),
        (
            '[traits.rename]\nplanName = "a"\nplan_name = "b"',
            '[traits.rename] "plan_name"',
            "each name once, whatever its spelling",
        ),
        (
            '[traits]\nleave_out = ["plan*"]\n[traits.rename]\nplanName = "plan"',
            '[traits.rename] "planName"',
            "a name that [traits] leave_out lets through",
        ),
        ('[events]\nallow = "A"', "[events] allow", NAMES),
        ("[events]\ndeny = [1]", "[events] deny", NAMES),
        ('[traits]\nhash = [" "]', "[traits] hash", NAMES),
        ("[types]\nallow = true", "[types] allow", NAMES),
        (
            "[events]\nallow = []",
            "[events] allow",
            "at least one name; omit the key if there are none",
        ),
        (
            '[types]\ndeny = ["video"]',
            "[types] deny",
            f"some of {', '.join(TYPES[:-1])} or {TYPES[-1]}",
        ),
        (
            '[types]\nallow = ["track"]\ndeny = ["track"]',
            "[types] deny",
            '"track" in allow or in deny, not in both',
        ),
        (
            '[events]\ndeny = ["item_added"]\nallow = ["Item Added"]',
            "[events] deny",
            '"item_added" in allow or in deny, not in both',
        ),
        (
            '[traits]\nleave_out = ["ssn"]\nhash = ["SSN"]',
            "[traits] hash",
            '"SSN" in leave_out or in hash, not in both',
        ),
        *(
            (
                f'[properties]\nhash = ["{name}"]',
                "[properties] hash",
                f'"{name}" with a whole name before the dot',
            )
            for name in ("*.cost", "products.", ".cost")
        ),
        (
            '[rename]\n"A *" = "B"',
            '[rename] "A *"',
            "the whole name of an event: there is no * in a rename",
        ),
        (
            '[rename]\n" " = "B"',
            '[rename] " "',
            "the whole name of an event: there is no * in a rename",
        ),
        ("[rename]\nA = 1", '[rename] "A"', "a text of at most 127 characters"),
        ('[rename]\nA = ""', '[rename] "A"', "a text of at most 127 characters"),
        (f'[rename]\nA = "{"x" * 128}"', '[rename] "A"', "a text of at most 127 characters"),
        (
            '[rename]\nitem_added = "A"\n"Item Added" = "B"',
            '[rename] "Item Added"',
            "each name once, whatever its spelling",
        ),
        (
            '[events]\ndeny = ["Debug *"]\n[rename]\n"Debug Me" = "B"',
            '[rename] "Debug Me"',
            "an event that [events] lets through",
        ),
        (
            '[rename]\nA = "B"\n[events]\nallow = ["B"]',
            '[rename] "A"',
            "an event that [events] lets through",
        ),
    ],
)
def test_a_mistake_is_reported_by_its_table_and_key(text: str, where: str, expected: str) -> None:
    with pytest.raises(RulesError) as caught:
        read_rules(text)
    assert (caught.value.where, caught.value.expected) == (where, expected)


@pytest.mark.parametrize("text", ["[events", "x", "[events]\n[events]", "a = [" * 10_000])
def test_what_is_no_toml_is_reported_with_its_place(text: str) -> None:
    with pytest.raises(RulesError, match=r"^rules: expected TOML, which it is not: \w+"):
        read_rules(text)


@pytest.mark.parametrize(
    ("pattern", "names", "others"),
    [
        ("a*", ["a", "ab", "A_b"], ["ba", ""]),
        ("*a", ["a", "ba"], ["ab"]),
        ("*a*", ["a", "bab"], ["b"]),
        ("a*a", ["aa", "aba"], ["a", "ab"]),
        ("a*b*c", ["abc", "a1b2c", "abbcc"], ["acb", "ab", "bc"]),
        ("*ab*ab*", ["abab", "xabxabx"], ["ab", "aab"]),
        ("ab*ba", ["abba", "ab ba"], ["aba"]),
        ("*", ["", "anything"], []),
        ("internal_*", ["Internal note", "internal-x"], ["internal"]),
    ],
)
def test_a_star_stands_for_any_characters(
    pattern: str, names: list[str], others: list[str]
) -> None:
    patterns = Patterns.of([pattern])
    assert [name for name in [*names, *others] if name in patterns] == names


@pytest.mark.parametrize(
    ("pattern", "name"),
    [
        ("*card*number*", "card" * 8_000),
        ("*a*b*c*d*e*f*", "ab" * 16_000),
        ("*-*-*-*-*-x", "-" * 32_000),
        ("internal_*_secret", "internal secre" * 2_000),
    ],
)
def test_a_long_name_takes_no_longer_than_its_length_asks_for(pattern: str, name: str) -> None:
    patterns = Patterns.of([pattern])
    assert name not in patterns
    assert processor_seconds(lambda: name in patterns, 0.5) < 0.5

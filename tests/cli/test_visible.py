"""Characters that would hide, reorder or break a text are seen as escapes."""

import json
import sys
import unicodedata

import pytest

from cli.visible import HIDDEN, visible


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("plain, ü, 漢字", "plain, ü, 漢字"),
        ("a\u202eb", "a\\u202eb"),
        ("a\x1b[31m", "a\\u001b[31m"),
        ("\u200bmaria\u00ad", "\\u200bmaria\\u00ad"),
        ("a\u2028b\u2029", "a\\u2028b\\u2029"),
        ("\U000e0041", "\\udb40\\udc41"),
        ("\ud800", "\\ud800"),
        ("👩\u200d👧", "👩\u200d👧"),
        ("نامه\u200cها", "نامه\u200cها"),
        ("mar\u200dia", "mar\\u200dia"),
        ("\u200d", "\\u200d"),
    ],
)
def test_text_is_shown(text: str, shown: str) -> None:
    assert visible(text) == shown


def test_no_hidden_character_is_left() -> None:
    for number in range(sys.maxunicode + 1):
        character = chr(number)
        if unicodedata.category(character) in HIDDEN:
            assert visible(f"a{character}b").isascii()


def test_json_stays_what_it_was() -> None:
    value = {"a\u202e": "\u0000\U000e0041\ufeff"}
    assert json.loads(visible(json.dumps(value, ensure_ascii=False))) == value


def test_what_is_kept_stays() -> None:
    assert visible("a\nb\t", keep="\n") == "a\nb\\u0009"

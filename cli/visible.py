"""Texts of messages, queues and Klaviyo as people see them.

A terminal obeys control characters, and both a terminal and a page turn text around at a
bidirectional one. The console's `static/visible.js` has the same rule.
"""

import re
import unicodedata
from functools import cache

_PERHAPS = re.compile(r"[^\x20-\x7e]")

HIDDEN = frozenset({"Cc", "Cf", "Cs", "Zl", "Zp"})
"""Unicode's categories of what is not seen by itself: controls, formats, halves of a pair, and
separators of lines and paragraphs."""

JOINERS = "\u200c\u200d"


def visible(text: str, keep: str = "") -> str:
    """The text with JSON's escapes for characters that would hide, reorder or break it.

    Those of `keep` stay, and a joiner between two characters beyond ASCII, as in Persian names and
    in emoji.
    """

    def shown(found: re.Match[str]) -> str:
        character = found[0]
        if not _is_hidden(character) or character in keep:
            return character
        if character in JOINERS and _is_between(text, found.start()):
            return character
        units = character.encode("utf-16-be", "surrogatepass")
        return "".join(f"\\u{units[at]:02x}{units[at + 1]:02x}" for at in range(0, len(units), 2))

    return _PERHAPS.sub(shown, text)


def _is_between(text: str, at: int) -> bool:
    before, after = text[max(at - 1, 0) : at], text[at + 1 : at + 2]
    return before > "\x7f" and after > "\x7f"


@cache
def _is_hidden(character: str) -> bool:
    return unicodedata.category(character) in HIDDEN

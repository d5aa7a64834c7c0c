"""The page has a word for everything that it shows by a code."""

import re
from pathlib import Path
from typing import get_args

from local import web_console
from operations import Operation, kind_of

WORDS = (Path(web_console.__file__).parent / "static" / "words.js").read_text("utf-8")


def test_every_kind_of_entry_has_a_word() -> None:
    table = WORDS[WORDS.index("export const KINDS") : WORDS.index("export const kindOf")]
    kinds = {kind_of(each) for each in get_args(Operation)}
    assert set(re.findall(r'\["(\w+)", ', table)) == kinds | {"message", "messages", "unreadable"}

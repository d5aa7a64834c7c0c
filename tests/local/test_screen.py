"""What the terminal shows is aligned, and plain where there are no colours."""

import io

from local.screen import BOLD, Screen


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


def test_columns_are_aligned_and_numbers_stand_to_the_right() -> None:
    stream = io.StringIO()
    Screen(stream).table([("a", 5, "one"), ("bcd", 123, "")])
    assert stream.getvalue() == "  a      5  one\n  bcd  123\n"


def test_colours_are_for_terminals() -> None:
    assert Screen(Terminal(), {}).paint(BOLD, "a") == "\033[1ma\033[0m"
    assert Screen(Terminal(), {"NO_COLOR": "1"}).paint(BOLD, "a") == "a"
    assert Screen(io.StringIO(), {}).paint(BOLD, "a") == "a"


def test_terminal_without_unicode_gets_what_it_can_show() -> None:
    raw = io.BytesIO()
    stream = io.TextIOWrapper(raw, encoding="ascii")
    screen = Screen(stream, {})
    screen.line(f"{screen.mark(True)} délivré")
    assert raw.getvalue() == b"? d?livr?\n"

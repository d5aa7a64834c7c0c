"""Output on the terminal: headings, aligned tables, single lines."""

import os
import sys
import threading
from collections.abc import Iterable, Mapping, Sequence
from itertools import zip_longest
from typing import TextIO

from cli.visible import visible

BOLD, DIM, RED, GREEN = "1", "2", "31", "32"

MARKS = {True: (GREEN, "✓"), False: (RED, "✗"), None: (DIM, "·")}
"""As expected, not as expected, nothing to compare with."""


class Screen:
    """Writes to a terminal, or to a file without colours. Thread-safe."""

    def __init__(
        self, stream: TextIO = sys.stdout, variables: Mapping[str, str] = os.environ
    ) -> None:
        self._stream = stream
        self._has_colours = stream.isatty() and not variables.get("NO_COLOR")
        self._lock = threading.Lock()

    def line(self, text: str = "") -> None:
        """One line."""
        with self._lock:
            try:
                print(text, file=self._stream, flush=True)
            except UnicodeEncodeError:
                encoding = self._stream.encoding
                plain = text.encode(encoding, "replace").decode(encoding)
                print(plain, file=self._stream, flush=True)

    def heading(self, title: str) -> None:
        """The title of a section, with an empty line before it."""
        self.line(f"\n{self.paint(BOLD, title)}")

    def table(self, rows: Iterable[Sequence[object]]) -> None:
        """Rows of cells in aligned columns. Numbers are aligned to the right."""
        for line in aligned(list(rows)):
            self.line(f"  {line}")

    def mark(self, as_expected: bool | None) -> str:
        """A sign in front of a line."""
        return self.paint(*MARKS[as_expected])

    def paint(self, colour: str, text: str) -> str:
        """The text in a colour, if there are colours."""
        return f"\033[{colour}m{text}\033[0m" if self._has_colours else text


def aligned(rows: Sequence[Sequence[object]]) -> list[str]:
    """The rows as lines: each column as wide as its widest cell, two spaces between columns."""
    shown = [[_shown(cell) for cell in row] for row in rows]
    columns = zip_longest(*shown, fillvalue="")
    widths = [max(len(str(cell)) for cell in column) for column in columns]
    return ["  ".join(map(_padded, row, widths)).rstrip() for row in shown]


def _shown(cell: object) -> object:
    return cell if isinstance(cell, int | float) else visible(str(cell))


def _padded(cell: object, width: int) -> str:
    return str(cell).rjust(width) if isinstance(cell, int | float) else str(cell).ljust(width)


def counted(number: int, one: str, several: str) -> str:
    """A number with its noun."""
    return f"{number} {one if number == 1 else several}"

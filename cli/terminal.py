"""Writes to the terminal: results to standard output, everything else to standard error.

Texts from messages, queues and Klaviyo are never read as markup. Control characters are escaped,
because a terminal would obey them.
"""

import json
import sys
from collections.abc import Iterable, Sequence
from typing import Any

import click
from rich.console import Console
from rich.table import Table
from rich.text import Text

from cli.visible import visible

GOOD, BAD, DOUBTFUL, FAINT, STRONG = "green", "red", "yellow", "dim", "bold"

UNLIMITED = 100_000
"""The width without a terminal: a program that reads the output needs whole lines."""

Cell = str | int | float | Text | None


def output() -> Console:
    """Standard output."""
    return _console(sys.stdout.isatty(), stderr=False)


def messages() -> Console:
    """Standard error, for progress and errors."""
    return _console(sys.stderr.isatty(), stderr=True)


def _console(is_terminal: bool, *, stderr: bool) -> Console:
    return Console(
        stderr=stderr,
        highlight=False,
        markup=False,
        emoji=False,
        force_terminal=is_terminal,
        width=None if is_terminal else UNLIMITED,
    )


def complain(text: str) -> None:
    """Write one line about an error."""
    console = messages()
    line = Text("error: ", style=BAD if console.is_terminal else "")
    console.print(line + Text(plain(text)), soft_wrap=True)


def note(text: str) -> None:
    """Write one line that is not part of the result."""
    messages().print(Text(plain(text), style=FAINT), soft_wrap=True)


def say(*parts: str | Text) -> None:
    """Write one line of the result."""
    texts = (part if isinstance(part, Text) else Text(plain(part)) for part in parts)
    output().print(Text(" ").join(texts), soft_wrap=True)


def tell_pause(seconds: float) -> None:
    """Say that Klaviyo throttles, before a wait."""
    note(f"Klaviyo throttles: waiting {seconds:.0f} s …")


def painted(text: str, style: str) -> Text:
    """A text in a style, for `say` and for a table's cell."""
    return Text(plain(text), style=style)


def write_json(document: Any) -> None:
    """A result for machines: one JSON document."""
    click.echo(_json(document, indent=2))


def write_json_line(document: Any) -> None:
    """One line of a result that is JSON Lines."""
    click.echo(_json(document))


def write_table(heads: Sequence[str], rows: Iterable[Sequence[Cell]]) -> None:
    """Rows under their heads; numbers stand to the right."""
    listed = [list(row) for row in rows]
    table = Table(box=None, pad_edge=False, header_style=FAINT, padding=(0, 2, 0, 0))
    for number, head in enumerate(heads):
        numeric = all(isinstance(row[number], int | float) for row in listed)
        table.add_column(head, justify="right" if numeric else "left", overflow="fold")
    for row in listed:
        table.add_row(*map(_cell, row))
    console = output()
    with console.capture() as captured:
        console.print(table)
    for line in captured.get().splitlines():
        click.echo(line.rstrip(), color=True)


def plain(text: str) -> str:
    """The text with escapes for characters that control a terminal or reorder text."""
    return visible(text, keep="\n")


def counted(number: int, one: str, several: str | None = None) -> str:
    """A number with its noun."""
    return f"{number:,} {one if number == 1 else several or one + 's'}"


def _cell(value: Cell) -> Text:
    if isinstance(value, Text):
        return value
    if value is None:
        return Text("–", style=FAINT)
    return Text(f"{value:,}" if isinstance(value, int | float) else plain(value))


def _json(document: object, indent: int | None = None) -> str:
    """JSON in which a terminal finds nothing to obey: control characters are escaped."""
    return plain(json.dumps(document, indent=indent, ensure_ascii=False))

"""docs/recording.md: a terminal session as text, with the time of each line.

It runs the commands, and replaces this machine's ports and paths by the usual ones.
"""

import re
import time
from collections.abc import Iterator
from dataclasses import dataclass

from local.aws_stand_in.function import ROOT
from local.documenting.own_run import start
from local.make_run.configuration import AWS_PORT, CONSOLE_PORT, KLAVIYO_PORT, PORT

PAGE = ROOT / "docs" / "recording.md"

LONGEST_LINE = 150

PLACES = {"console": CONSOLE_PORT, "webhook": PORT, "Klaviyo": KLAVIYO_PORT, "AWS": AWS_PORT}

HEAD = """# A minute at the terminal

What `make run` and the command line write, recorded by
`python -m local.documenting recording`. On the left are the seconds
since the beginning.

"""


@dataclass(frozen=True, slots=True)
class Command:
    """A command as a user types it, and the module and arguments that it runs."""

    typed: str
    arguments: tuple[str, ...]
    says: str


COMMANDS = (
    Command(
        "make run ONCE=1",
        ("local", "--once"),
        "Everything starts on this machine, and the samples go through it:",
    ),
    Command(
        "klaviyo-destination preview events/order-completed.json --no-bodies",
        ("cli", "preview", "--no-bodies", "events/order-completed.json"),
        "What becomes of a message, without sending it:",
    ),
    Command(
        "klaviyo-destination preview events/dropped-without-email.json",
        ("cli", "preview", "events/dropped-without-email.json"),
        "Why a message is dropped, and what would let it through:",
    ),
)


def write() -> None:
    """Run the commands, and write the page."""
    began = time.monotonic()
    parts = [HEAD.rstrip()]
    for command in COMMANDS:
        lines = "\n".join(_recorded(command, began))
        parts.append(f"{command.says}\n\n```\n{lines}\n```")
    PAGE.write_text("\n\n".join(parts) + "\n", "utf-8")


def _recorded(command: Command, began: float) -> Iterator[str]:
    yield f"{_clock(began)}  $ {command.typed}"
    ports: dict[str, str] = {}
    # In the folder that a reader has.
    with start(*command.arguments, RUN_FOLDER="") as process:
        assert process.stdout is not None
        for line in process.stdout:
            place = re.match(r"  (\w+) +http://127\.0\.0\.1:(\d+)", line)
            if place and place[1] in PLACES:
                ports[place[2]] = str(PLACES[place[1]])
            yield f"{_clock(began)}  {_shown(line, ports)}".rstrip()


def _shown(line: str, ports: dict[str, str]) -> str:
    for free, usual in ports.items():
        line = line.replace(f":{free}", f":{usual}")
    line = line.rstrip().replace(str(ROOT), "…")
    return line if len(line) <= LONGEST_LINE else f"{line[: LONGEST_LINE - 1]}…"


def _clock(began: float) -> str:
    return f"{time.monotonic() - began:5.1f}"

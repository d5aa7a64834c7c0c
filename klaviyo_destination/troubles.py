"""What a command ends with: the exit statuses, and errors that are one line with the remedy."""

from enum import IntEnum


class Status(IntEnum):
    """The exit statuses of every command."""

    OK = 0
    """Done, and nothing to object to."""
    PROBLEMS = 1
    """Done, and something was found: a rejection, a wrong signature, a fault in the set-up."""
    USAGE = 2
    """The command was called wrongly; nothing was done."""
    UNFINISHED = 3
    """Something is out of reach or was refused as a whole; it can be run again."""
    FAULT = 4
    """A fault of the command itself."""
    INTERRUPTED = 130
    """Ctrl-C."""


class Trouble(Exception):  # noqa: N818 - a state of the world, told to a person
    """The command cannot go on. The text is one line, with the remedy and without personal data."""

    status = Status.UNFINISHED


class Misuse(Trouble):
    """What was asked for cannot be: an option, a setting, a file that is none."""

    status = Status.USAGE

"""How a command ends: exit statuses, and errors of one line with the remedy."""

from enum import IntEnum


class Status(IntEnum):
    """The exit statuses of every command."""

    OK = 0
    """Done. No problem found."""
    PROBLEMS = 1
    """Done. A problem was found: a rejection, a wrong signature, a fault in the setup."""
    USAGE = 2
    """Wrong usage. Nothing was done."""
    UNFINISHED = 3
    """Not finished: something cannot be reached or was refused as a whole. Run it again."""
    FAULT = 4
    """A bug in the command."""
    INTERRUPTED = 130
    """Ctrl-C."""


class Trouble(Exception):  # noqa: N818 - a state of the world, for a person to read
    """The command cannot continue. The text is one line with the remedy, without personal data."""

    status = Status.UNFINISHED


class OutOfReach(Trouble):
    """Something did not answer, or may not be looked at: nothing is known of it."""


class Misuse(Trouble):
    """The command was called wrongly: an option, a setting, or a file that does not exist."""

    status = Status.USAGE

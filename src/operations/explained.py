"""Codes that people meet in answers, logs and the dead-letter queue, each with its explanation."""

from enum import StrEnum


class Explained(StrEnum):
    """A stable code with its `meaning` and its `remedy`, each a sentence or more.

    A member is written as these three. The preview and the command line show them.
    """

    meaning: str
    remedy: str

    def __new__(cls, code: str, meaning: str = "", remedy: str = "") -> "Explained":
        """Raises `TypeError` for a code that nobody explains."""
        if not (meaning and remedy):
            raise TypeError(f"{cls.__name__}: write {code!r}, its meaning and its remedy")
        member = str.__new__(cls, code)
        member._value_ = code
        member.meaning = meaning
        member.remedy = remedy
        return member

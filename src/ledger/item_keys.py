"""Every kind of key in the table, and its one index.

    pk            sk                 what
    M#<message>   0                  a message: its arrival, and what the first attempt came to
    M#<message>   A#<time>#<random>  a later attempt: what became of some of its operations
    C#<call>      0                  a call: what became of the messages that refer to it
    P#<hash>      name#<hash>        another name of the same person
    K             0                  what all functions know of Klaviyo: whether it is down, pauses
    P#<hash>      words              the times of the latest messages about the person, by field

The index `by-person` has the items with a `person` (a hash) and an `at` (a time).
"""

from collections.abc import Mapping
from typing import Any

INDEX = "by-person"

ARRIVAL = "0"
ATTEMPT = "A#"
NAME = "name#"
WORDS = "words"

Key = tuple[str, str]
"""`pk` and `sk`."""


def key_of(attributes: Mapping[str, Any]) -> Key:
    """The key of an item, or of a key, as DynamoDB writes both."""
    return attributes["pk"]["S"], attributes["sk"]["S"]


KLAVIYO: Key = ("K", "0")


def message(message_id: str) -> str:
    """`pk` of a message; `message_id` as logs show it."""
    return f"M#{message_id}"


def message_id(pk: str) -> str | None:
    """The message id in a `pk`; `None` for the `pk` of something else."""
    prefix = message("")
    return pk.removeprefix(prefix) if pk.startswith(prefix) else None


def call(call_id: str) -> Key:
    """The item of one call of a function."""
    return f"C#{call_id}", "0"


def call_id(pk: str) -> str | None:
    """The id of the call that a `pk` is of; `None` for what is no call."""
    return pk.removeprefix("C#") if pk.startswith("C#") else None


def person(hashed: str) -> str:
    """`pk` of what is known of a person, by the hash of one of the person's names."""
    return f"P#{hashed}"

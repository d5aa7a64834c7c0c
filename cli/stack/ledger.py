"""A stack's ledger, for commands, which are in no hurry."""

import re
from collections.abc import Iterable, Iterator
from typing import Any

from cli.stack.aws import Stack, client, reaching
from cli.troubles import Misuse, Trouble
from ledger.allowance import Allowance
from ledger.calls import Asked
from ledger.people import People
from ledger.table import Table

OUTPUT = "LedgerTableName"

KEEP_SECONDS = 86_400.0
"""Of what is written here: nothing is."""


def table(stack: Stack) -> Table:
    """The stack's table. Raises `Misuse` without one; reading it raises `Trouble`."""
    if OUTPUT not in stack.outputs:
        raise Misuse(
            f"the stack {stack.name} has no ledger: deploy it with the parameter Ledger=on "
            "(docs/ledger.md)"
        )
    dynamodb = client("dynamodb")

    def call(asked: Iterable[Asked], _: float) -> Iterator[tuple[int, dict[str, Any]]]:
        for number, (operation, document) in enumerate(asked):
            method = re.sub(r"(?<!^)(?=[A-Z])", "_", operation).lower()
            with reaching("the ledger"):
                yield number, getattr(dynamodb, method)(**document)

    return Table(stack.output(OUTPUT), call, KEEP_SECONDS)


def people(stack: Stack) -> People:
    """The hashes of people in the stack's ledger. Raises `Trouble` without the key."""
    key = str(stack.secret().get("ledger_key") or "").strip()
    if not key:
        raise Trouble("the stack's secret has no ledger_key, so its ledger knows nobody")
    return People(key)


def patient() -> Allowance:
    """Time enough for every page of an answer."""
    return Allowance(3_600.0)

"""How much a test tries: all of it where CI is set, as services of CI do and `.ci/run` does.

`make test` elsewhere is content with a quarter, and `make check`, which sets QUICK, with a tenth.
The examples are derived from the test, and the rows of a table counted off, so the part is the
same on each run.
"""

import os
from collections.abc import Sequence
from typing import TypeVar

Case = TypeVar("Case")


def examples(number: int) -> int:
    """So many examples of a property, or a part of them; at least ten."""
    return min(number, max(number // _divisor(), 10))


def part(cases: Sequence[Case]) -> list[Case]:
    """All combinations of two things or more, or a part of them, evenly taken."""
    return list(cases[:: _divisor()])


def _divisor() -> int:
    return 10 if os.environ.get("QUICK") else 1 if os.environ.get("CI") else 4

"""How much a test tries: all of it where CI is set, as services of CI do and `.ci/run` does.

`make test` elsewhere is content with a quarter, and `make check`, which sets QUICK, with a tenth.
The examples are derived from the test, so the part is the same on each run.
"""

import os


def examples(number: int) -> int:
    """So many examples of a property, or a part of them; at least ten."""
    divisor = 10 if os.environ.get("QUICK") else 1 if os.environ.get("CI") else 4
    return min(number, max(number // divisor, 10))

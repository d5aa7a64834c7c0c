"""How much a test tries: `make check` sets QUICK, and is content with a part."""

import os


def examples(number: int) -> int:
    """So many examples of a property, or a tenth of them."""
    return max(number // 10, 10) if os.environ.get("QUICK") else number

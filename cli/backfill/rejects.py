"""Messages and operations that will never be delivered, with their reasons: JSON Lines that only
the owner can read.

    {"source": "2026-11-01.gz", "line": 17, "reason": {"code": …}, "message": {…}}
    {"source": …, "line": …, "reason": {"code": "refused", "status": 400, …}, "operation": {…}}

The state says up to which byte the file counts: what was written after the last commit is cut off
when a run goes on, since it is found again.
"""

import json
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any


class Rejects:
    """Appends to the file. Nothing is made until there is something to write."""

    def __init__(self, path: Path, length: int) -> None:
        self.path = path
        self._pending: list[bytes] = []
        if path.exists() and path.stat().st_size > length:
            os.truncate(path, length)

    def add(self, reject: Mapping[str, Any]) -> None:
        """Note one; `write` puts it on the disk."""
        self._pending.append(json.dumps(reject, ensure_ascii=False).encode(errors="replace"))

    def write(self) -> int:
        """Write what was noted, safely; returns the file's length."""
        if self._pending:
            flags = os.O_WRONLY | os.O_CREAT | os.O_APPEND
            with os.fdopen(os.open(self.path, flags, 0o600), "wb") as file:
                file.write(b"\n".join(self._pending) + b"\n")
                file.flush()
                os.fsync(file.fileno())
            self._pending.clear()
        return self.path.stat().st_size if self.path.exists() else 0

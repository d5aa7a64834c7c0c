"""One valid request, with what its endpoint needs to answer it."""

import base64
import binascii
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, TypeVar
from urllib.parse import urlencode

from local.klaviyo_stand_in.protocol.exchange import Json, Response
from local.klaviyo_stand_in.protocol.findings import Predicate
from local.klaviyo_stand_in.protocol.problems import Problem, Refusal
from local.klaviyo_stand_in.records.account_data import AccountData

Entry = TypeVar("Entry")


@dataclass(frozen=True, slots=True)
class Call:
    """`target` is the id in the path. `fails` are the items that an import job must refuse later,
    and `missing_errors` is how many errors are missing in its list.
    """

    state: AccountData
    now: datetime
    origin: str
    path: str
    target: str = ""
    parameters: Mapping[str, str] = field(default_factory=dict)
    document: Json = None
    fails: Predicate | None = None
    missing_errors: int = 0

    def fields(self, resource: str) -> frozenset[str] | None:
        """The sparse fieldset for a type of resource; `None` when there is none."""
        text = self.parameters.get(f"fields[{resource}]")
        return None if text is None else frozenset(text.split(","))

    def one(
        self,
        status: int,
        resource: Mapping[str, Any],
        included: Sequence[Mapping[str, Any]] | None = None,
    ) -> Response:
        """An answer with one resource, and the included ones if they were asked for."""
        document: dict[str, Any] = {"data": resource, "links": {"self": self._link({})}}
        if included is not None:
            document["included"] = included
        return Response.of(status, document)

    def many(self, resources: Sequence[Mapping[str, Any]], following: str | None) -> Response:
        """An answer with one page of resources. `following` is the cursor of the next page."""
        after = None if following is None else self._link({"page[cursor]": following})
        links = {"self": self._link({}), "next": after, "prev": None}
        return Response.of(200, {"data": resources, "links": links})

    def page(
        self, entries: Sequence[Entry], default: int, most: int
    ) -> tuple[Sequence[Entry], str | None]:
        """The requested page of the entries, and the cursor of the next one, if any.

        Raises a `Refusal` (400) for an invalid `page[size]` or `page[cursor]`.
        """
        size = self._size(default, most)
        start = self._start()
        end = start + size
        return entries[start:end], _cursor(end) if end < len(entries) else None

    def _size(self, default: int, most: int) -> int:
        text = self.parameters.get("page[size]", str(default))
        if not (text.isascii() and text.isdigit() and 1 <= int(text) <= most):
            raise Refusal(
                400, Problem(f"Page size must be between 1 and {most}.", parameter="page[size]")
            )
        return int(text)

    def _start(self) -> int:
        cursor = self.parameters.get("page[cursor]")
        if cursor is None:
            return 0
        try:
            return int(base64.urlsafe_b64decode(cursor).decode("ascii").removeprefix("from:"))
        except (ValueError, binascii.Error):
            raise Refusal(400, Problem("Invalid cursor.", parameter="page[cursor]")) from None

    def _link(self, changed: Mapping[str, str]) -> str:
        query = urlencode({**self.parameters, **changed})
        return f"{self.origin}{self.path}" + (f"?{query}" if query else "")


def _cursor(start: int) -> str:
    return base64.urlsafe_b64encode(f"from:{start}".encode()).decode()

"""Errors in Klaviyo's format.

https://developers.klaviyo.com/en/docs/rate_limits_and_error_handling documents the format. Codes,
titles and details come from recorded answers where there are some.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any
from uuid import uuid4

from local.klaviyo_stand_in.protocol.exchange import Response

RATE_LIMIT_PAGE = (
    "https://developers.klaviyo.com/en/docs/rate_limits_and_error_handling#rate-limits"
)


@dataclass(frozen=True, slots=True)
class Problem:
    """One entry of `errors`. `parameter` names a query parameter, `pointer` a place in the body."""

    detail: str
    pointer: str | None = None
    code: str = "invalid"
    title: str = "Invalid input."
    parameter: str | None = None
    links: Mapping[str, Any] = field(default_factory=dict)
    meta: Mapping[str, Any] = field(default_factory=dict)

    def source(self) -> dict[str, str]:
        """The place of the problem: a pointer, a parameter or nothing."""
        if self.parameter is not None:
            return {"parameter": self.parameter}
        return {} if self.pointer is None else {"pointer": self.pointer}


class Refusal(Exception):  # noqa: N818
    """The request gets this status and these problems, and changes nothing."""

    def __init__(
        self, status: int, *problems: Problem, headers: Mapping[str, str] | None = None
    ) -> None:
        super().__init__(status)
        self.status = status
        self.problems = problems
        self.headers = headers or {}

    def response(self) -> Response:
        """The answer."""
        answer = Response.of(self.status, errors(self.status, self.problems))
        return Response(self.status, {**answer.headers, **self.headers}, answer.body)


def errors(status: int, problems: Sequence[Problem]) -> dict[str, Any]:
    """The body of an error answer."""
    return {
        "errors": [
            {
                "id": str(uuid4()),
                "status": status,
                "code": problem.code,
                "title": problem.title,
                "detail": problem.detail,
                "source": problem.source(),
                "links": dict(problem.links),
                "meta": dict(problem.meta),
            }
            for problem in problems
        ]
    }


def not_found(detail: str, pointer: str = "/data/") -> Refusal:
    """404: there is no such thing."""
    return Refusal(404, Problem(detail, pointer, "not_found", "Not found."))


def throttled(seconds: int) -> Refusal:
    """429. Its only rate limit header is `Retry-After` (recorded 2026-09-04)."""
    unit = "second" if seconds == 1 else "seconds"
    return Refusal(
        429,
        Problem(
            f"Request was throttled. Expected available in {seconds} {unit}.",
            "/data",
            "throttled",
            "Request was throttled.",
            links={"type": RATE_LIMIT_PAGE},
        ),
        headers={"Retry-After": str(seconds)},
    )

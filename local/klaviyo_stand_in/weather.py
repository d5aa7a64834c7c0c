"""Simulated trouble: what happens to a request instead of, or before, its normal answer."""

import random
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields, replace
from typing import Any, Literal, get_args

from local.klaviyo_stand_in.protocol.exchange import JsonObject, Response
from local.klaviyo_stand_in.protocol.findings import Predicate
from local.klaviyo_stand_in.protocol.problems import Problem, Refusal, throttled

RefuseItems = Literal["pointer", "silent", "import", "500", "403", "408", "cut"]

HTML = b"<html><head><title>Error</title></head><body><h1>Error</h1></body></html>"


def is_poison(attributes: JsonObject) -> bool:
    """Whether the item's property `poison` is true."""
    properties = attributes.get("properties")
    return isinstance(properties, Mapping) and properties.get("poison") is True


@dataclass(frozen=True, slots=True)
class Faults:
    """Random trouble, the same for the same `seed` and order of requests.

    Each `p_` is the probability of that trouble for a request; together they are at most 1. `p_502`
    has a body that is not JSON. `p_cut_before` and `p_cut_after` reset the connection before and
    after the request's effect. `p_slow` answers after `slow` seconds.
    """

    seed: int = 0
    p_503: float = 0.0
    p_502: float = 0.0
    p_429: float = 0.0
    p_cut_before: float = 0.0
    p_cut_after: float = 0.0
    p_slow: float = 0.0
    retry_after: int = 1
    slow: float = 1.0

    def __post_init__(self) -> None:
        chances = [getattr(self, name) for name in FATES]
        if min(chances) < 0 or sum(chances) > 1 + 1e-9:
            raise ValueError("the probabilities are below 0 or add up to more than 1")


@dataclass(frozen=True, slots=True)
class Weather:
    """What happens to requests until the weather changes. Without arguments it is fine.

    `endpoints` are the affected operations (all if empty). After `times` requests it clears. Of the
    rest, the first one that is set decides, from top to bottom:

    - `cut`: the connection is reset `"before"` or `"after"` the request's effect;
    - `hang`: no answer for so many seconds, then a reset, and no effect;
    - `throttle`: 429 with this `Retry-After`;
    - `status`: this status, without effect (`down` means 503). With `html`, a body that is not
      JSON; with `body`, this text. So a 200 or 204 is an answer that is not Klaviyo's: a sign-in
      page (RFC 8952, captive portals), a proxy (RFC 9110, section 7.7), another host;
    - `faults`: random trouble, and for the other requests:
    - `latency`: the answer comes after so many seconds; the effect is immediate.

    In addition, for every answer, whatever decided:

    - `drip`: so many seconds pass before each byte of the answer. A client's time-out for each byte
      never ends that (https://requests.readthedocs.io/en/latest/user/quickstart/#timeouts);
    - `interim`: so many answers with status 103 come before the answer (RFC 8297). A client that
      takes one for the answer takes the answer for that to its next request
      (https://github.com/python/cpython/issues/81719).

    And for requests that are carried out:

    - `refuse_items`: items that `refuses` picks by their attributes are refused with a 400 that
      names them (`"pointer"`) or not (`"silent"`), or by an import job when it is carried out
      (`"import"`). Or each request that holds one fails as a whole: with a `"500"`
      (https://developers.klaviyo.com/en/docs/rate_limits_and_error_handling), a firewall's `"403"`
      (https://developers.cloudflare.com/support/troubleshooting/http-status-codes/4xx-client-error/error-403/),
      a `"408"` (RFC 9110, section 15.5.9), or a `"cut"` connection;
    - `missing_errors`: so many of an import job's errors are not in its list yet. Klaviyo does not
      say when the list is complete
      (https://developers.klaviyo.com/en/reference/get_errors_for_bulk_import_profiles_job).
    """

    endpoints: frozenset[str] = frozenset()
    times: int | None = None
    cut: Literal["before", "after"] | None = None
    hang: float | None = None
    throttle: int | None = None
    down: bool = False
    status: int | None = None
    html: bool = False
    body: str | None = None
    faults: Faults | None = None
    latency: float = 0.0
    drip: float = 0.0
    interim: int = 0
    refuse_items: RefuseItems | None = None
    refuses: Predicate = is_poison
    missing_errors: int = 0

    def __post_init__(self) -> None:
        numbers = self.times, self.hang, self.throttle, self.status
        for number in (*numbers, self.latency, self.drip, self.interim):
            if number is not None and number < 0:
                raise ValueError("numbers must not be negative")
        if self.cut not in (None, "before", "after"):
            raise ValueError("cut: expected before or after")
        if self.refuse_items not in (None, *get_args(RefuseItems)):
            raise ValueError(f"refuse_items: expected one of {', '.join(get_args(RefuseItems))}")

    @classmethod
    def from_json(cls, document: Mapping[str, Any]) -> "Weather":
        """The weather in a control request. Its keys are the fields' names, except `refuses`.

        Raises `ValueError` or `TypeError` for anything else.
        """
        chosen = dict(document)
        known = {field.name for field in fields(cls)} - {"refuses"}
        if not chosen.keys() <= known:
            raise ValueError(f"unknown: {sorted(chosen.keys() - known)}")
        if "endpoints" in chosen:
            chosen["endpoints"] = frozenset(chosen["endpoints"])
        if chosen.get("faults") is not None:
            chosen["faults"] = Faults(**chosen["faults"])
        return cls(**chosen)


@dataclass(frozen=True, slots=True)
class Treatment:
    """What happens to one request.

    An `answer` replaces the normal one. `lost` means that no answer is written. The request is
    carried out only with `effect`.
    """

    answer: Response | None = None
    lost: bool = False
    delay: float = 0.0
    drip: float = 0.0
    interim: int = 0
    effect: bool = True
    refuse_items: RefuseItems | None = None
    refuses: Predicate = is_poison
    missing_errors: int = 0


FINE = Treatment()

FATES = ("p_503", "p_502", "p_429", "p_cut_before", "p_cut_after", "p_slow")

STATUS_PROBLEMS: Mapping[int, Problem] = {
    401: Problem(
        "Incorrect authentication credentials.",
        "/data/",
        "authentication_failed",
        "Incorrect authentication credentials.",
    ),
    403: Problem(
        "You do not have permission to perform this action.",
        "/data/",
        "permission_denied",
        "You do not have permission to perform this action.",
    ),
    503: Problem("Service unavailable.", "/data", "service_unavailable", "Service unavailable."),
}


class Sky:
    """The weather with its remaining requests and its random numbers. Not thread-safe."""

    def __init__(self, weather: Sequence[Weather] = ()) -> None:
        self.weather = tuple(weather)
        self._left = [each.times for each in weather]
        self._dice = [random.Random(each.faults.seed) if each.faults else None for each in weather]

    def treatment(self, endpoint: str) -> Treatment:
        """What happens to the next request to the endpoint. The first weather that applies
        decides."""
        for position, weather in enumerate(self.weather):
            left = self._left[position]
            if left == 0 or (weather.endpoints and endpoint not in weather.endpoints):
                continue
            if left is not None:
                self._left[position] = left - 1
            return _treatment(weather, self._dice[position])
        return FINE


def _treatment(weather: Weather, dice: random.Random | None) -> Treatment:
    if weather.cut is not None:
        return Treatment(lost=True, effect=weather.cut == "after")
    if weather.hang is not None:
        return Treatment(lost=True, delay=weather.hang, effect=False)
    if weather.throttle is not None:
        return _answered(throttled(weather.throttle).response(), weather)
    status = weather.status or (503 if weather.down else None)
    if status is not None:
        return _answered(_status(status, weather.html, weather.body), weather)
    treatment = Treatment(delay=weather.latency)
    if weather.faults is not None and dice is not None:
        treatment = _random(weather.faults, dice.random()) or treatment
    return replace(
        treatment,
        drip=weather.drip,
        interim=weather.interim,
        refuse_items=weather.refuse_items,
        refuses=weather.refuses,
        missing_errors=weather.missing_errors,
    )


def _random(faults: Faults, draw: float) -> Treatment | None:
    """Random trouble; `None` for a request without any."""
    outcomes = {
        "p_503": Treatment(_status(503, html=False), effect=False),
        "p_502": Treatment(_status(502, html=True), effect=False),
        "p_429": Treatment(throttled(faults.retry_after).response(), effect=False),
        "p_cut_before": Treatment(lost=True, effect=False),
        "p_cut_after": Treatment(lost=True),
        "p_slow": Treatment(delay=faults.slow),
    }
    for name in FATES:
        draw -= getattr(faults, name)
        if draw < 0:
            return outcomes[name]
    return None


def _answered(response: Response, weather: Weather) -> Treatment:
    return Treatment(
        response,
        delay=weather.latency,
        drip=weather.drip,
        interim=weather.interim,
        effect=False,
    )


def _status(status: int, html: bool, body: str | None = None) -> Response:
    if body is not None:
        return Response(status, {"Content-Type": "application/json"}, body.encode())
    if html:
        return Response(status, {"Content-Type": "text/html"}, HTML)
    if status < 400:
        return Response(status)
    problem = STATUS_PROBLEMS.get(
        status, Problem("The stand-in answers so.", "/data", "error", "Error.")
    )
    return Refusal(status, problem).response()


POISONED: Mapping[str, Response | None] = {
    "500": _status(500, html=True),
    "403": _status(403, html=True),
    "408": _status(408, html=True),
    "cut": None,
}
"""The response to a request with such an item; `None` is a cut connection."""

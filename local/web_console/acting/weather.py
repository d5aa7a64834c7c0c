"""The kinds of weather that the page offers, as the stand-in's `Weather`."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from local.klaviyo_stand_in import Weather


@dataclass(frozen=True, slots=True)
class About:
    """Picks the items about one person, by e-mail address."""

    email: str

    def __call__(self, attributes: Mapping[str, Any]) -> bool:
        """Whether a profile's or an event's attributes have the address."""
        profile = attributes.get("profile")
        if isinstance(profile, dict):
            data = profile.get("data")
            attributes = data.get("attributes", {}) if isinstance(data, dict) else {}
        return str(attributes.get("email", "")).lower() == self.email.lower()


@dataclass(frozen=True, slots=True)
class Mood:
    """One kind of weather. `parameter` names what it needs: `seconds`, `email`, or nothing."""

    kind: str
    title: str
    text: str
    parameter: str | None
    make: Callable[[Any], tuple[Weather, ...]]


MOODS = (
    Mood("fine", "Fine", "Klaviyo answers at once, as it should.", None, lambda _: ()),
    Mood(
        "slow",
        "Slow",
        "Every answer takes this long. Segment waits for 5 seconds in all; what is not answered in"
        " 3.5 seconds goes to the queue.",
        "seconds",
        lambda seconds: (Weather(latency=seconds),),
    ),
    Mood(
        "throttled",
        "Throttled",
        "Klaviyo says “too many requests” (429) and asks us to wait for this long.",
        "seconds",
        lambda seconds: (Weather(throttle=round(seconds)),),
    ),
    Mood(
        "down",
        "Down",
        "Every request fails (503). Everything that arrives waits in the queue.",
        None,
        lambda _: (Weather(down=True),),
    ),
    Mood(
        "refusing",
        "Refuses one person",
        "Klaviyo refuses this person (400). A retry would not help, so it goes to the dead-letter"
        " queue.",
        "email",
        lambda email: (Weather(refuse_items="pointer", refuses=About(email)),),
    ),
)
BY_KIND = {mood.kind: mood for mood in MOODS}

LONGEST_SECONDS = 60.0


def read(document: Any) -> tuple[Weather, ...]:
    """The weather of `{"kind": …, "seconds": …}` or `{"kind": …, "email": …}`.

    Raises `ValueError` with a text for people.
    """
    mood = BY_KIND.get(str(document.get("kind"))) if isinstance(document, dict) else None
    if mood is None:
        raise ValueError(f"kind: expected one of {', '.join(BY_KIND)}")
    if mood.parameter == "seconds":
        seconds = document.get("seconds")
        if isinstance(seconds, bool) or not isinstance(seconds, int | float):
            raise ValueError("seconds: expected a number")
        if not 1 <= seconds <= LONGEST_SECONDS:
            raise ValueError(f"seconds: expected 1 to {LONGEST_SECONDS:g}")
        return mood.make(seconds)
    if mood.parameter == "email":
        email = document.get("email")
        if not isinstance(email, str) or "@" not in email:
            raise ValueError("email: expected the e-mail address of the person")
        return mood.make(email.strip())
    return mood.make(None)


def to_json(weather: tuple[Weather, ...]) -> dict[str, Any]:
    """The inverse of `read`. `kind` is `other` for weather that was set elsewhere."""
    if not weather:
        return {"kind": "fine"}
    [first, *others] = weather
    refuses = first.refuses
    if isinstance(refuses, About):
        return {"kind": "refusing", "email": refuses.email}
    if others:
        return {"kind": "other"}
    for kind, seconds in (("slow", first.latency), ("throttled", first.throttle)):
        if seconds and BY_KIND[kind].make(seconds) == weather:
            return {"kind": kind, "seconds": seconds}
    return {"kind": "down"} if weather == BY_KIND["down"].make(None) else {"kind": "other"}

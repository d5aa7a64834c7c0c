"""The weathers of a fault run: a row for each way in which Klaviyo, or the way there, fails.

A run goes through all of them again and again, in a random order. A row is a function of a seed, so
that its own dice are seeded too.
"""

from collections.abc import Callable, Mapping
from typing import Any

from local.klaviyo_stand_in import Faults, Weather

EVENTS = frozenset({"create_event", "bulk_create_events"})
IMPORTS = frozenset({"bulk_import_profiles"})
BULK = frozenset({"bulk_create_events", "bulk_import_profiles"})

Weathers = tuple[Weather, ...]


def poison(events: Any, imports: Any, **weather: Any) -> Weathers:
    """Klaviyo refuses the poison items, named by a pointer, silently or by an import job."""
    return (
        Weather(endpoints=EVENTS, refuse_items=events, **weather),
        Weather(endpoints=IMPORTS, refuse_items=imports, **weather),
        Weather(refuse_items="pointer", **weather),
    )


def storm(seed: int) -> Faults:
    """One request in four meets something."""
    return Faults(
        seed=seed,
        p_503=0.05,
        p_502=0.02,
        p_429=0.05,
        p_cut_before=0.04,
        p_cut_after=0.04,
        p_slow=0.04,
        slow=0.3,
    )


CLIMATE: Mapping[str, Callable[[int], Weathers]] = {
    "storm, poison by pointer and by import": lambda seed: poison(
        "pointer", "import", faults=storm(seed)
    ),
    "storm, poison silent and by pointer": lambda seed: poison(
        "silent", "pointer", faults=storm(seed)
    ),
    "storm, poison by pointer and silent": lambda seed: poison(
        "pointer", "silent", faults=storm(seed)
    ),
    "storm, poison silent and by import": lambda seed: poison(
        "silent", "import", faults=storm(seed)
    ),
    "poison only": lambda _: poison("pointer", "import"),
    "Klaviyo is down": lambda _: (Weather(down=True),),
    "the key is unknown": lambda _: (Weather(status=401),),
    "a proxy answers": lambda _: (Weather(status=200, html=True),),
    "another API answers": lambda _: (Weather(status=200, body='{"data": null}'),),
    "the revision is retired": lambda _: (Weather(status=410),),
    "poison breaks its requests, 500 and 403": lambda _: poison("500", "403"),
    "poison breaks its requests, cut and 408": lambda _: poison("cut", "408"),
    "import errors are missing": lambda _: (
        Weather(endpoints=frozenset({"get_errors_for_bulk_import_profiles_job"}), missing_errors=1),
        *poison("silent", "import"),
    ),
    "two requests hang": lambda _: (Weather(hang=5.0, times=2), *poison("silent", "silent")),
    "two answers drip, and 103 comes before the others": lambda _: (
        Weather(drip=0.5, times=2, refuse_items="silent"),
        *poison("pointer", "silent", interim=1),
    ),
    "bulk endpoints are throttled": lambda seed: (
        Weather(endpoints=BULK, throttle=2),
        *poison("pointer", "pointer", faults=storm(seed)),
    ),
}

CALM: Weathers = poison("pointer", "pointer")
"""At the end, when everything has to arrive."""

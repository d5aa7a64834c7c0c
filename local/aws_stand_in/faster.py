"""What moto does for every request, or for every message of a queue: here once, or in short."""

import functools
import time
from collections.abc import Callable, Mapping

from moto.moto_server.werkzeug_app import DomainDispatcherApplication
from moto.sqs import models


class Dispatcher(DomainDispatcherApplication):
    """Moto's looks through its folders and its patterns for each request: here for each host."""

    get_backend_for_host = functools.cache(DomainDispatcherApplication.get_backend_for_host)


CLOCKS: Mapping[str, Callable[[], float]] = {
    "unix_time": time.time,
    "unix_time_millis": lambda: time.time() * 1000,
}
"""Moto's own compute the time from the calendar, for every message that a queue holds, whenever one
is sent: with some hundreds that is most of what moto does."""


@functools.cache
def read_the_clock() -> None:
    """Have moto's queues ask these clocks."""
    for name, clock in CLOCKS.items():
        setattr(models, name, clock)

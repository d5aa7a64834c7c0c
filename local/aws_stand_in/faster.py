"""What moto does for every request, or for every message of a queue: here once, or in short."""

import functools
import time
from collections.abc import Callable, Mapping, Sequence
from types import ModuleType
from typing import Any

from moto.core import responses
from moto.core.model import StructureShape
from moto.core.serialize import BaseJSONSerializer
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


REMEMBERED: Sequence[tuple[ModuleType, str]] = (
    (models, "camelcase_to_underscores"),
    (responses, "camelcase_to_underscores"),
    (responses, "method_names_from_class"),
)
"""What moto works out from the names of actions and attributes, and from its own classes, anew for
each request and each time that it looks at a queue."""


def by_what_is_there(own: Callable[..., None]) -> Callable[..., None]:
    """Of each attribute value of an item moto asks for every type that DynamoDB knows, by several
    names: with many items that is a third of what moto does. Here it asks for the one there is."""

    def serialize(
        self: BaseJSONSerializer,
        serialized: dict[str, Any],
        value: Any,
        shape: StructureShape,
        key: str,
    ) -> None:
        if shape.name != "AttributeValue":
            own(self, serialized, value, shape, key)
            return
        there: dict[str, Any] = {}
        for kind, of_kind in value.items():
            self._serialize(there, of_kind, shape.members[kind], kind)
        self._default_serialize(serialized, there, shape, key)

    return serialize


@functools.cache
def speed_up() -> None:
    """Have moto's queues ask these clocks, and moto do once, or in short, what it does often."""
    for name, clock in CLOCKS.items():
        setattr(models, name, clock)
    for module, name in REMEMBERED:
        setattr(module, name, functools.cache(getattr(module, name)))
    own = BaseJSONSerializer._serialize_type_structure
    setattr(BaseJSONSerializer, own.__name__, by_what_is_there(own))

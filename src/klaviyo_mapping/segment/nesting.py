"""How deep a message may nest."""

from operations import Json

MAX_LEVELS = 64
"""So that whatever writes it out again can do so; Klaviyo itself takes ten."""

WRITTEN_OUT = ("traits", "properties")
"""The fields that are written out again, and that it is about."""

_CONTAINERS = frozenset({dict, list})


def nests_deeper(value: Json, levels: int) -> bool:
    """Whether there are more than `levels` objects or arrays around anything in the value."""
    containers = [value] if type(value) in _CONTAINERS else []
    while containers and levels:
        levels -= 1
        containers = [
            member
            for container in containers
            for member in (container.values() if type(container) is dict else container)
            if type(member) in _CONTAINERS
        ]
    return bool(containers)

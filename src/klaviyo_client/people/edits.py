"""How edits of custom properties (`append`, `unappend`, `unset`) of one person add up. Pure.

Klaviyo does not say in which order one request's `properties`, `append`, `unappend` and `unset`
apply, nor whether an array may hold a value twice. So a request does only one of them to each
property. Where successive upserts need more than one, each is sent as its own request.
"""

from collections.abc import Mapping, Sequence

from msgspec.structs import replace

from operations import Json, Operation, UpsertProfile


def has_edits(operation: Operation) -> bool:
    """Whether the operation does more than set properties."""
    return isinstance(operation, UpsertProfile) and bool(
        operation.append or operation.unappend or operation.unset
    )


def in_runs(operations: Sequence[Operation], positions: Sequence[int]) -> list[tuple[int, ...]]:
    """The upserts at these positions, in order, split where one cannot be merged with those before.

    There is always at least one run; it may be empty.
    """
    runs: list[list[int]] = [[]]
    if not any(has_edits(operations[position]) for position in positions):
        return [tuple(positions)]
    done: dict[str, str] = {}
    for position in positions:
        operation = operations[position]
        if isinstance(operation, UpsertProfile):
            if runs[-1] and _clash(done, operation):
                runs.append([])
                done = {}
            done.update(_verbs(operation))
        runs[-1].append(position)
    return [tuple(run) for run in runs]


def _clash(done: Mapping[str, str], operation: UpsertProfile) -> bool:
    """Whether a value would be added to, or taken from, a property that was changed otherwise."""
    return any(done.get(name, "append") != "append" for name in operation.append) or any(
        done.get(name, "unappend") != "unappend" for name in operation.unappend
    )


def _verbs(operation: UpsertProfile) -> dict[str, str]:
    """What the operation does to each property."""
    return {
        **dict.fromkeys(operation.properties, "set"),
        **dict.fromkeys(operation.append, "append"),
        **dict.fromkeys(operation.unappend, "unappend"),
        **dict.fromkeys(operation.unset, "unset"),
    }


def merged_edits(upsert: UpsertProfile, operations: Sequence[Operation]) -> UpsertProfile:
    """The upsert that merges a run of operations, with the edits of that run.

    Setting or unsetting a property discards the earlier edits of it.
    """
    if not any(has_edits(operation) for operation in operations):
        return upsert
    properties: dict[str, Json] = {}
    append: dict[str, Json] = {}
    unappend: dict[str, Json] = {}
    unset: dict[str, None] = {}
    for operation in operations:
        if not isinstance(operation, UpsertProfile):
            continue
        for name, value in operation.properties.items():
            for edits in (append, unappend, unset):
                edits.pop(name, None)
            properties[name] = value
        for name, value in operation.append.items():
            append[name] = _both(append[name], value) if name in append else value
        for name, value in operation.unappend.items():
            unappend[name] = _both(unappend[name], value) if name in unappend else value
        for name in operation.unset:
            for others in (properties, append, unappend):
                others.pop(name, None)
            unset[name] = None
    return replace(
        upsert, properties=properties, append=append, unappend=unappend, unset=tuple(unset)
    )


def _both(earlier: Json, later: Json) -> Json:
    """The values of two edits as one list."""
    return [*_as_list(earlier), *_as_list(later)]


def _as_list(value: Json) -> list[Json]:
    return value if isinstance(value, list) else [value]

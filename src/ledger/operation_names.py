"""The names of operations in the ledger: by kind, and with nothing of a person. Pure."""

from zlib import crc32

from operations import AddToList, CreateEvent, Operation, RemoveFromList, kind_of

WHOLE = "message"
"""The name for a message that has no operations, or none yet."""


def name_of(operation: Operation) -> str:
    """The operation's name: the same at every attempt, and unique within its message."""
    if isinstance(operation, CreateEvent):
        return f"{kind_of(operation)}:{_checksum(operation.unique_id)}"
    if isinstance(operation, AddToList | RemoveFromList):
        # A named list gets its id on the way.
        named = operation.list_name
        return f"{kind_of(operation)}:{_checksum(named) if named else operation.list_id}"
    list_id = getattr(operation, "list_id", None)
    return f"{kind_of(operation)}:{list_id}" if list_id else kind_of(operation)


def kind(name: str) -> str:
    """The kind of operation that the name stands for."""
    return name.partition(":")[0]


def _checksum(text: str) -> str:
    return f"{crc32(text.encode('utf-8', 'surrogatepass')):08x}"

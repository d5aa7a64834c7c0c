"""Values as DynamoDB writes them.

https://docs.aws.amazon.com/amazondynamodb/latest/APIReference/API_AttributeValue.html
"""

from collections.abc import Mapping
from typing import Any

Item = dict[str, Any]

Attributes = dict[str, dict[str, Any]]
"""An item with the types of its values."""


def marshalled(item: Mapping[str, Any]) -> Attributes:
    """An item's attributes, without those that are `None`."""
    return {
        name: {"S": value} if isinstance(value, str) else written(value)
        for name, value in item.items()
        if value is not None
    }


def unmarshalled(attributes: Mapping[str, Any]) -> Item:
    """The inverse of `marshalled`."""
    return {
        name: value["S"] if "S" in value else value_of(value) for name, value in attributes.items()
    }


def written(value: Any) -> dict[str, Any]:
    """One value with its type."""
    if isinstance(value, str):
        return {"S": value}
    if isinstance(value, bool):
        return {"BOOL": value}
    if isinstance(value, int | float):
        return {"N": repr(value)}
    if isinstance(value, Mapping):
        return {"M": marshalled(value)}
    if isinstance(value, list | tuple):
        return {"L": [written(each) for each in value]}
    if value is None:
        return {"NULL": True}
    raise TypeError(f"no value of an item: {type(value).__name__}")


def value_of(attribute: Mapping[str, Any]) -> Any:
    """The inverse of `written`; sets are lists."""
    ((kind, value),) = attribute.items()
    if kind == "N":
        return _number(value)
    if kind == "M":
        return unmarshalled(value)
    if kind == "L":
        return [value_of(each) for each in value]
    if kind == "NULL":
        return None
    if kind == "NS":
        return [_number(each) for each in value]
    return value


def _number(text: str) -> int | float:
    return int(text) if text.lstrip("-").isdecimal() else float(text)

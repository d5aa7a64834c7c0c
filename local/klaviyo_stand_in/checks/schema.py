"""JSON Schemas compiled to functions that report every problem, in Klaviyo's words.

They support the part of JSON Schema that `data/openapi.json` uses. Rules can be attached to places
in the schema, written as JSON pointers with `*` for an array's items. A scalar's rules run if it is
set, an array's rules before its items, and an object's rules after its fields, only if these are
valid.
"""

import math
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from local.klaviyo_stand_in.protocol.exchange import Json
from local.klaviyo_stand_in.protocol.findings import Findings, Rule

Check = Callable[[Json, str, str, Findings], None]
"""Takes a value, its parent's pointer, and its own name or position."""
Rules = Mapping[str, Sequence[Rule]]

ROOT_RESOURCE = "request-data"
"""What Klaviyo calls the document itself in its details."""


def _is_number(value: Json) -> bool:
    if isinstance(value, float):
        return math.isfinite(value)
    return isinstance(value, int) and not isinstance(value, bool)


_SCALARS: Mapping[str, Callable[[Json], bool]] = {
    "string": lambda value: isinstance(value, str),
    "boolean": lambda value: isinstance(value, bool),
    "number": _is_number,
}


def compile_schema(
    schema: Mapping[str, Any], definitions: Mapping[str, Any], rules: Rules
) -> Callable[[Json, Findings], None]:
    """A function that validates a whole document.

    Raises `ValueError` if a rule is attached to a place that the schema does not have.
    """
    compiler = _Compiler(definitions, rules)
    check = compiler.compile(schema, "", ROOT_RESOURCE)
    if compiler.unused:
        raise ValueError(f"the schema has no {sorted(compiler.unused)}")

    def judge(document: Json, findings: Findings) -> None:
        check(document, "", "", findings)

    return judge


class _Compiler:
    def __init__(self, definitions: Mapping[str, Any], rules: Rules) -> None:
        self._definitions = definitions
        self._rules = rules
        self.unused = set(rules)

    def compile(self, schema: Mapping[str, Any], place: str, resource: str) -> Check:
        if "$ref" in schema:
            schema = self._definitions[schema["$ref"].rpartition("/")[2]]
        if "oneOf" in schema:
            return self._any(schema, place, resource)
        stated = schema["type"]
        types = [stated] if isinstance(stated, str) else stated
        kind = next(name for name in types if name != "null")
        nullable = "null" in types
        if kind == "object":
            return self._object(schema, nullable, place, resource)
        if kind == "array":
            return self._array(schema, nullable, place, resource)
        return self._scalar(kind, schema.get("enum"), nullable, self._take(place))

    def _take(self, place: str) -> Sequence[Rule]:
        self.unused.discard(place)
        return self._rules.get(place, ())

    def _any(self, schema: Mapping[str, Any], place: str, resource: str) -> Check:
        kinds = [option["type"] for option in schema["oneOf"] if option["type"] != "null"]
        options = [
            self.compile(option, place, resource)
            for option in schema["oneOf"]
            if option["type"] != "null"
        ]
        names = " or ".join(kinds)

        def check(value: Json, parent: str, name: str, findings: Findings) -> None:
            if value is None:
                return
            for option in options:
                attempt = Findings(findings.facts)
                option(value, parent, name, attempt)
                if not attempt.problems:
                    return
            findings.add(f"{parent}/{name}", f"Not a valid {names}.")

        return check

    def _scalar(
        self, kind: str, enum: Sequence[str] | None, nullable: bool, rules: Sequence[Rule]
    ) -> Check:
        is_kind = _SCALARS[kind]
        allowed = None if enum is None else frozenset(word for word in enum if word is not None)

        def check(value: Json, parent: str, name: str, findings: Findings) -> None:
            if value is None:
                if not nullable:
                    findings.add(f"{parent}/{name}", f"'{name}' may not be null.")
            elif not is_kind(value):
                findings.add(f"{parent}/{name}", f"Not a valid {kind}.")
            elif allowed is not None and value not in allowed:
                stated = ", ".join(f"'{word}'" for word in sorted(allowed))
                findings.add(f"{parent}/{name}", f"'{name}' must be one of: {stated}.")
            else:
                for rule in rules:
                    rule(value, f"{parent}/{name}", findings)

        return check

    def _array(self, schema: Mapping[str, Any], nullable: bool, place: str, resource: str) -> Check:
        rules = self._take(place)
        item = self.compile(schema["items"], f"{place}/*", resource)

        def check(value: Json, parent: str, name: str, findings: Findings) -> None:
            if value is None and nullable:
                return
            pointer = f"{parent}/{name}"
            if not isinstance(value, list):
                findings.add(pointer, "Not a valid array.")
                return
            before = len(findings.problems)
            for rule in rules:
                rule(value, pointer, findings)
            if len(findings.problems) == before:
                for position, entry in enumerate(value):
                    item(entry, pointer, str(position), findings)

        return check

    def _object(
        self, schema: Mapping[str, Any], nullable: bool, place: str, resource: str
    ) -> Check:
        rules = self._take(place)
        check_fields = self._fields(schema, place, resource)

        def check(value: Json, parent: str, name: str, findings: Findings) -> None:
            if value is None and nullable:
                return
            pointer = f"{parent}/{name}" if name else parent
            if not isinstance(value, dict):
                findings.add(pointer, "Not a valid object.")
                return
            before = len(findings.problems)
            check_fields(value, pointer, findings)
            if len(findings.problems) == before:
                for rule in rules:
                    rule(value, pointer, findings)

        return check

    def _fields(self, schema: Mapping[str, Any], place: str, resource: str) -> Rule:
        """A function that validates an object's fields. Without stated fields, all are allowed."""
        properties = schema.get("properties")
        if properties is None:
            return _free_form
        required = schema.get("required", ())
        own = properties["type"]["enum"][0] if "type" in properties else resource
        fields = {
            name: self.compile(
                field, f"{place}/{name}", own if name in ("attributes", "data") else name
            )
            for name, field in properties.items()
        }

        def check(value: Json, pointer: str, findings: Findings) -> None:
            for key, entry in value.items():
                field = fields.get(key)
                if field is not None:
                    field(entry, pointer, key, findings)
                else:
                    detail = f"'{key}' is not a valid field for the resource '{own}'."
                    findings.add(f"{pointer}/{_escaped(key)}", detail)
            for key in required:
                if key not in value:
                    detail = f"'{key}' is a required field for the resource '{own}'."
                    findings.add(f"{pointer}/{key}", detail)

        return check


def _free_form(value: Json, pointer: str, findings: Findings) -> None:
    """Any keys, any values."""


def _escaped(key: str) -> str:
    return key.replace("~", "~0").replace("/", "~1")

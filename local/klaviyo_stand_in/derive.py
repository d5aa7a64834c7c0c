"""Makes `data/openapi.json` from Klaviyo's OpenAPI files.

    python -m local.klaviyo_stand_in.derive FOLDER

FOLDER holds one file for each operation, as `openapi/stable/apis` of
https://github.com/klaviyo/openapi does. A file may also be only the operation, with its references
resolved. Operations that the folder lacks stay as they are. `data/LICENSE` says what is changed,
and from which commit.
"""

import json
import sys
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

from local.klaviyo_stand_in.api.routes import ROUTES

DATA = Path(__file__).parent / "data" / "openapi.json"

COMMENT = (
    "Request bodies and query parameters of Klaviyo's API, cut from its OpenAPI document and closed"
    " against unknown keys by local/klaviyo_stand_in/derive.py (see LICENSE)."
)

KEPT = ("format", "required")
"""Keywords that are kept as they are. Descriptions and examples are dropped."""

WIDTH = 100

Json = Any
Schema = dict[str, Json]


def main(arguments: list[str]) -> int:
    """Write the document again, and report which operations the folder lacks."""
    if len(arguments) != 1 or arguments[0].startswith("-"):
        print(__doc__, file=sys.stderr)
        return 2
    folder = Path(arguments[0])
    before = json.loads(DATA.read_text("utf-8"))
    files = {
        route.name: json.loads(file.read_text("utf-8"))
        for route in ROUTES
        if (file := folder / f"{route.name}.json").is_file()
    }
    if not files:
        print(f"{folder} has no file of an operation, such as create_event.json", file=sys.stderr)
        return 2
    DATA.write_text(written(derived(files, before)) + "\n", "utf-8")
    for route in ROUTES:
        if route.name not in files:
            print(f"kept as it was: {route.name}")
    return 0


def derived(files: Mapping[str, Json], before: Json) -> Json:
    """The document made of these operations' files; what they lack comes from the one `before`.

    Raises `ValueError` if the files have different revisions.
    """
    operations = {name: _Operation(document) for name, document in files.items()}
    revisions = {operation.revision for operation in operations.values()}
    if len(revisions) != 1:
        raise ValueError(f"expected files of one revision, found {sorted(revisions)}")
    [revision] = revisions
    queries: dict[str, list[str]] = {}
    bodies: dict[str, Schema] = {}
    for route in ROUTES:
        operation = operations.get(route.name)
        if operation is None:
            queries[route.name] = before["queries"][route.name]
            if route.name in before["bodies"]:
                bodies[route.name] = inlined(before["bodies"][route.name], before["$defs"])
            continue
        queries[route.name] = operation.queries()
        body = operation.body()
        if body is not None:
            bodies[route.name] = body
    later, changes = AHEAD.get(revision, (revision, {}))
    for name, change in changes.items():
        if name in operations:
            change(bodies[name])
    bodies, definitions = _shared(bodies)
    return {
        "$comment": COMMENT,
        "revision": later,
        "queries": queries,
        "bodies": bodies,
        "$defs": definitions,
    }


def at(schema: Schema, path: str) -> Schema:
    """The schema of a place in a document, `*` for the items of an array."""
    for step in path.split("/"):
        schema = schema["items"] if step == "*" else schema["properties"][step]
    return schema


def _move_meta(body: Schema) -> None:
    """Move a profile's `meta` beside its attributes, as in every other operation."""
    profile = at(body, "data/attributes/profile/data")
    profile["properties"]["meta"] = profile["properties"]["attributes"]["properties"].pop("meta")


def _add_click_tracking(body: Schema) -> None:
    """Add e-mail's consent to click tracking, in the form of the one to open tracking."""
    email = at(body, "data/attributes/profiles/data/*/attributes/subscriptions/email")
    email["properties"]["click_tracking"] = email["properties"]["open_tracking"]


AHEAD: Mapping[str, tuple[str, Mapping[str, Callable[[Schema], None]]]] = {
    "2026-07-15": (
        "2026-10-15",
        {
            "create_event": _move_meta,
            "bulk_subscribe_profiles": _add_click_tracking,
            "bulk_unsubscribe_profiles": _add_click_tracking,
        },
    )
}
"""By the revision of Klaviyo's files: the later revision that we use, and its changes.

They are known from klaviyo-api 25.0.0, whose models a test compares with `data/openapi.json`.
Remove an entry once Klaviyo's files have that revision.
"""


class _Operation:
    """One file: an OpenAPI document with one operation, or only the operation."""

    def __init__(self, document: Json) -> None:
        self._schemas = document.get("components", {}).get("schemas", {})
        if "paths" in document:
            [methods] = document["paths"].values()
            [document] = [each for name, each in methods.items() if name != "parameters"]
        self._operation = document
        headers = {each["name"]: each for each in self._parameters("header")}
        self.revision: str = headers["revision"]["schema"]["default"]

    def queries(self) -> list[str]:
        return sorted(each["name"] for each in self._parameters("query"))

    def body(self) -> Schema | None:
        body = self._operation.get("requestBody")
        if body is None:
            return None
        if "content" in body:
            [body] = body["content"].values()
        return self._cut(body["schema"])

    def _parameters(self, place: str) -> list[Json]:
        return [each for each in self._operation["parameters"] if each["in"] == place]

    def _cut(self, schema: Schema) -> Schema:
        """The schema with references resolved, null allowed, and no further fields."""
        if "$ref" in schema:
            referred = self._schemas[schema["$ref"].rpartition("/")[2]]
            schema = {**referred, **{key: schema[key] for key in schema if key != "$ref"}}
        options = schema.get("oneOf") or schema.get("anyOf")
        stated = schema.get("type")
        types = [stated] if isinstance(stated, str) else list(stated or ())
        if schema.get("nullable") and "null" not in types:
            types.append("null")
        if options:
            chosen = [self._cut(option) for option in options]
            if "null" in types and {"type": "null"} not in chosen:
                chosen.append({"type": "null"})
            return {"oneOf": chosen}
        cut: Schema = {"type": types[0] if len(types) == 1 else types}
        cut.update((key, schema[key]) for key in KEPT if key in schema)
        if "enum" in schema:
            words = [word for word in schema["enum"] if word is not None]
            cut["enum"] = [*words, None] if "null" in types else words
        if "properties" in schema:
            fields = schema["properties"].items()
            cut["properties"] = {name: self._cut(field) for name, field in fields}
            cut["additionalProperties"] = False
        if "items" in schema:
            cut["items"] = self._cut(schema["items"])
        return cut


def inlined(schema: Json, definitions: Mapping[str, Json]) -> Json:
    if isinstance(schema, dict):
        if "$ref" in schema:
            return inlined(definitions[schema["$ref"].rpartition("/")[2]], definitions)
        return {key: inlined(value, definitions) for key, value in schema.items()}
    return [inlined(each, definitions) for each in schema] if isinstance(schema, list) else schema


def _shared(bodies: dict[str, Schema]) -> tuple[dict[str, Schema], dict[str, Schema]]:
    """The bodies, with repeated parts moved to definitions that are named after their place."""
    counts: dict[str, int] = {}
    for _, schema in _objects(bodies, ""):
        key = json.dumps(schema, sort_keys=True)
        counts[key] = counts.get(key, 0) + 1
    names: dict[str, str] = {}
    definitions: dict[str, Schema] = {}
    for place, schema in _objects(bodies, ""):
        key = json.dumps(schema, sort_keys=True)
        if counts[key] > 1 and key not in names:
            name, number = place, 1
            while name in definitions:
                number += 1
                name = f"{place}_{number}"
            names[key], definitions[name] = name, schema

    def moved(value: Json, is_definition: bool = False) -> Json:
        if isinstance(value, list):
            return [moved(each) for each in value]
        if not isinstance(value, dict):
            return value
        name = None if is_definition else names.get(json.dumps(value, sort_keys=True))
        if name is not None:
            return {"$ref": f"#/$defs/{name}"}
        return {key: moved(each) for key, each in value.items()}

    return moved(bodies), {
        name: moved(schema, is_definition=True) for name, schema in sorted(definitions.items())
    }


def _objects(value: Json, place: str) -> Iterator[tuple[str, Schema]]:
    """Every schema of an object with fields, with the name of its property."""
    if isinstance(value, list):
        for each in value:
            yield from _objects(each, place)
    elif isinstance(value, dict):
        if isinstance(value.get("properties"), dict) and "type" in value:
            yield place, value
        for key, each in value.items():
            yield from _objects(each, place if key in ("properties", "items", "oneOf") else key)


def written(value: Json, indent: int = 0) -> str:
    """JSON in which everything that fits into a line is on one line."""
    line = json.dumps(value, ensure_ascii=False)
    if not isinstance(value, dict | list) or not value or len(line) + indent <= WIDTH:
        return line
    inner, pad = indent + 1, " " * (indent + 1)
    if isinstance(value, list):
        entries = [written(each, inner) for each in value]
    else:
        entries = [f"{json.dumps(key)}: {written(each, inner)}" for key, each in value.items()]
    opening, closing = ("[", "]") if isinstance(value, list) else ("{", "}")
    return f"{opening}\n{pad}" + f",\n{pad}".join(entries) + f"\n{' ' * indent}{closing}"


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))

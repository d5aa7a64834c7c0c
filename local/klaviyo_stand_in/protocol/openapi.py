"""The parts of Klaviyo's OpenAPI document that the stand-in needs: `data/openapi.json`."""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

_DOCUMENT = json.loads((Path(__file__).parents[1] / "data" / "openapi.json").read_text("utf-8"))

REVISION: str = _DOCUMENT["revision"]

BODIES: Mapping[str, Any] = _DOCUMENT["bodies"]
"""JSON Schemas of request bodies by operation; they refer to `DEFINITIONS`."""

DEFINITIONS: Mapping[str, Any] = _DOCUMENT["$defs"]

QUERIES: Mapping[str, list[str]] = _DOCUMENT["queries"]
"""The query parameters of each operation."""

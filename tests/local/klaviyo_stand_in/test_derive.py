"""`python -m local.klaviyo_stand_in.derive`: from Klaviyo's OpenAPI files to ours."""

import json
from pathlib import Path
from typing import Any

import pytest

from local.klaviyo_stand_in import derive
from local.klaviyo_stand_in.api.routes import ROUTES

BEFORE = json.loads(derive.DATA.read_text("utf-8"))

REVISION_HEADER = {"name": "revision", "in": "header", "schema": {"default": "2030-01-15"}}

# As Klaviyo writes it: https://github.com/klaviyo/openapi/tree/main/openapi/stable/apis
CREATE_LIST = {
    "paths": {
        "/api/lists": {
            "post": {
                "parameters": [REVISION_HEADER, {"name": "fields[list]", "in": "query"}],
                "requestBody": {
                    "content": {
                        "application/vnd.api+json": {
                            "schema": {"$ref": "#/components/schemas/Create"}
                        }
                    }
                },
            }
        }
    },
    "components": {
        "schemas": {
            "Create": {
                "type": "object",
                "required": ["name"],
                "properties": {
                    "name": {"type": "string", "description": "A name", "example": "VIP"},
                    "process": {"$ref": "#/components/schemas/Process", "nullable": True},
                    "size": {"oneOf": [{"type": "string"}, {"type": "number"}], "nullable": True},
                    "tags": {"type": "array", "items": {"type": "string"}},
                    "further": {"type": "object"},
                },
            },
            "Process": {"type": "string", "enum": ["single", "double"]},
        }
    },
}
CUT = {
    "type": "object",
    "required": ["name"],
    "properties": {
        "name": {"type": "string"},
        "process": {"type": ["string", "null"], "enum": ["single", "double", None]},
        "size": {"oneOf": [{"type": "string"}, {"type": "number"}, {"type": "null"}]},
        "tags": {"type": "array", "items": {"type": "string"}},
        "further": {"type": "object"},
    },
    "additionalProperties": False,
}


def test_references_are_resolved_nulls_are_types_and_objects_are_closed() -> None:
    document = derive.derived({"create_list": CREATE_LIST}, BEFORE)
    assert document["revision"] == "2030-01-15"
    assert document["queries"]["create_list"] == ["fields[list]"]
    assert document["bodies"]["create_list"] == CUT


def test_what_the_folder_lacks_stays_as_it_is() -> None:
    document = derive.derived({"create_list": CREATE_LIST}, BEFORE)
    others = [route.name for route in ROUTES if route.name != "create_list"]
    assert [document["queries"][name] for name in others] == [
        BEFORE["queries"][name] for name in others
    ]
    assert _whole(document, "create_event") == _whole(BEFORE, "create_event")


def test_files_of_two_revisions_are_refused() -> None:
    other: Any = json.loads(json.dumps(CREATE_LIST).replace("2030-01-15", "2029-10-15"))
    with pytest.raises(ValueError, match="expected files of one revision"):
        derive.derived({"create_list": CREATE_LIST, "get_lists": other}, BEFORE)


def test_the_command_writes_the_document(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    data = tmp_path / "openapi.json"
    data.write_text(json.dumps(BEFORE))
    monkeypatch.setattr(derive, "DATA", data)
    folder = tmp_path / "apis"
    folder.mkdir()
    assert derive.main([str(folder)]) == 2
    (folder / "create_list.json").write_text(json.dumps(CREATE_LIST))
    assert derive.main([str(folder)]) == 0
    assert json.loads(data.read_text()) == derive.derived({"create_list": CREATE_LIST}, BEFORE)


def test_the_document_is_written_as_the_command_writes_it() -> None:
    assert derive.DATA.read_text("utf-8") == derive.written(BEFORE) + "\n"


def _whole(document: Any, operation: str) -> Any:
    return derive.inlined(document["bodies"][operation], document["$defs"])

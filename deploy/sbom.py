"""The list of what the artifact holds of others (CycloneDX 1.6, JSON), from the artifact itself.

https://cyclonedx.org/docs/1.6/json/. Pure: the same artifact gives the same text. `.ci/sam` has it
judged by CycloneDX's own library.
"""

import re
import uuid
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from email.parser import HeaderParser
from pathlib import Path
from typing import Any

NAMESPACE = uuid.uuid5(uuid.NAMESPACE_DNS, "klaviyo-destination")


@dataclass(frozen=True, slots=True)
class Package:
    """A package of the artifact, as its own METADATA has it."""

    name: str
    version: str
    licence: str | None = None

    @property
    def purl(self) -> str:
        """https://github.com/package-url/purl-spec/blob/main/types-doc/pypi-definition.md"""
        return f"pkg:pypi/{re.sub(r'[-_.]+', '-', self.name).lower()}@{self.version}"


def packages(artifact: Path) -> Iterator[Package]:
    """What the artifact holds of others, by name."""
    for file in sorted(artifact.glob("*.dist-info/METADATA")):
        metadata = HeaderParser().parsestr(file.read_text("utf-8"))
        yield Package(metadata["Name"], metadata["Version"], metadata["License-Expression"])


def document(version: str, sha256: str, timestamp: str, found: list[Package]) -> Mapping[str, Any]:
    """The document. `sha256` is that of the artifact's zip, `timestamp` in ISO 8601."""
    root = f"klaviyo-destination@{version}"
    return {
        "$schema": "http://cyclonedx.org/schema/bom-1.6.schema.json",
        "bomFormat": "CycloneDX",
        "specVersion": "1.6",
        "serialNumber": f"urn:uuid:{uuid.uuid5(NAMESPACE, sha256)}",
        "version": 1,
        "metadata": {
            "timestamp": timestamp,
            "component": {
                "type": "application",
                "bom-ref": root,
                "name": "klaviyo-destination",
                "version": version,
                "licenses": [{"license": {"id": "MIT"}}],
                "hashes": [{"alg": "SHA-256", "content": sha256}],
            },
        },
        "components": [_component(each) for each in found],
        "dependencies": [
            {"ref": root, "dependsOn": [each.purl for each in found]},
            *({"ref": each.purl} for each in found),
        ],
    }


def _component(package: Package) -> dict[str, Any]:
    component: dict[str, Any] = {
        "type": "library",
        "bom-ref": package.purl,
        "name": package.name,
        "version": package.version,
        "purl": package.purl,
    }
    if package.licence:
        component["licenses"] = [{"expression": package.licence}]
    return component

"""What a release consists of: the same bytes for the same commit, and everything that it names."""

import hashlib
import json
import zipfile
from pathlib import Path

import pytest

from deploy import release, sbom
from deploy.sbom import Package
from local.aws_stand_in.template import load
from tests.template.template import ROOT

FILES = {
    "handler/webhook.py": b"code",
    "requests/__init__.py": b"",
    "requests-2.34.2.dist-info/METADATA": (
        b"Metadata-Version: 2.4\nName: requests\nVersion: 2.34.2\nLicense-Expression: Apache-2.0\n"
    ),
    "charset_normalizer-3.5.3.dist-info/METADATA": (
        b"Metadata-Version: 2.1\nName: charset_normalizer\nVersion: 3.5.3\n"
    ),
}


@pytest.fixture
def artifact(tmp_path: Path) -> Path:
    folder = tmp_path / "artifact"
    for name, content in FILES.items():
        file = folder / name
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_bytes(content)
    return folder


@pytest.fixture
def made(artifact: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("SOURCE_DATE_EPOCH", "1795651200")
    to = tmp_path / "dist"
    to.mkdir()
    release.make(artifact, to)
    return to


NAME = f"klaviyo-destination-{release.version()}"


def test_release_holds_template_functions_list_and_checksums(made: Path) -> None:
    assert sorted(file.name for file in made.iterdir()) == sorted(
        [
            f"{NAME}-functions.zip",
            f"{NAME}.yaml",
            f"{NAME}.cdx.json",
            "LICENSE",
            "README.md",
            "SHA256SUMS",
        ]
    )


def test_every_other_file_has_its_checksum(made: Path) -> None:
    expected = {
        f"{hashlib.sha256(file.read_bytes()).hexdigest()}  {file.name}"
        for file in made.iterdir()
        if file.name != "SHA256SUMS"
    }
    assert set((made / "SHA256SUMS").read_text().splitlines()) == expected


def test_template_deploys_the_zip_beside_it_and_is_otherwise_the_one_of_the_commit(
    made: Path,
) -> None:
    released = load((made / f"{NAME}.yaml").read_text("utf-8"))
    of_commit = load((ROOT / "template.yaml").read_text("utf-8"))
    assert released["Globals"]["Function"].pop("CodeUri") == f"{NAME}-functions.zip"
    assert of_commit["Globals"]["Function"].pop("CodeUri") == "src/"
    assert released == of_commit
    metadata = released["Metadata"]["AWS::ServerlessRepo::Application"]
    for file in (metadata["LicenseUrl"], metadata["ReadmeUrl"]):
        assert (made / file).is_file()


def test_zip_is_the_same_whatever_the_files_times_and_rights_are(
    artifact: Path, tmp_path: Path
) -> None:
    release.pack(artifact, tmp_path / "first.zip")
    for file in artifact.rglob("*.py"):
        file.chmod(0o700)
        file.touch()
    release.pack(artifact, tmp_path / "second.zip")
    assert (tmp_path / "first.zip").read_bytes() == (tmp_path / "second.zip").read_bytes()
    with zipfile.ZipFile(tmp_path / "first.zip") as archive:
        assert {name: archive.read(name) for name in archive.namelist()} == FILES


def test_list_names_each_package_with_its_licence(artifact: Path) -> None:
    assert list(sbom.packages(artifact)) == [
        Package("charset_normalizer", "3.5.3", None),
        Package("requests", "2.34.2", "Apache-2.0"),
    ]


def test_list_is_cyclonedx(made: Path) -> None:
    document = json.loads((made / f"{NAME}.cdx.json").read_text("utf-8"))
    zipped = hashlib.sha256((made / f"{NAME}-functions.zip").read_bytes()).hexdigest()
    assert (document["bomFormat"], document["specVersion"]) == ("CycloneDX", "1.6")
    assert document["metadata"]["timestamp"] == "2026-11-26T00:00:00Z"
    assert document["metadata"]["component"]["hashes"] == [{"alg": "SHA-256", "content": zipped}]
    assert document["components"] == [
        {
            "type": "library",
            "bom-ref": "pkg:pypi/charset-normalizer@3.5.3",
            "name": "charset_normalizer",
            "version": "3.5.3",
            "purl": "pkg:pypi/charset-normalizer@3.5.3",
        },
        {
            "type": "library",
            "bom-ref": "pkg:pypi/requests@2.34.2",
            "name": "requests",
            "version": "2.34.2",
            "purl": "pkg:pypi/requests@2.34.2",
            "licenses": [{"expression": "Apache-2.0"}],
        },
    ]

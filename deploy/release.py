"""Makes what a release consists of: `python -m deploy.release`. See `make release`.

Everything is a function of the commit: two runs on one machine give the same bytes.
"""

import argparse
import hashlib
import json
import os
import shutil
import subprocess
import sys
import tempfile
import tomllib
import zipfile
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path

from deploy import sbom
from local.aws_stand_in.template import FILE

ROOT = FILE.parent

BESIDE_THE_TEMPLATE = ("LICENSE", "README.md")
"""What the template's metadata refers to; `sam deploy` uploads them."""


def main(arguments: Sequence[str] | None = None) -> int:
    """Make the release, and give the exit status."""
    parser = argparse.ArgumentParser(prog="make release", description=__doc__)
    parser.add_argument("--to", type=Path, default=ROOT / "dist", help="the folder that is made")
    parser.add_argument("--artifact", type=Path, help="what `sam build` has made of a function")
    given = parser.parse_args(arguments)
    shutil.rmtree(given.to, ignore_errors=True)
    given.to.mkdir(parents=True)
    with tempfile.TemporaryDirectory() as folder:
        artifact = given.artifact or _build(Path(folder))
        make(artifact, given.to)
    for line in (given.to / "SHA256SUMS").read_text("utf-8").splitlines():
        print(line)
    return 0


def make(artifact: Path, to: Path) -> None:
    """The release of this commit's version, of a built artifact, in an empty folder."""
    name = f"klaviyo-destination-{version()}"
    functions = to / f"{name}-functions.zip"
    pack(artifact, functions)
    text = FILE.read_text("utf-8")
    assert text.count("CodeUri: src/\n") == 1
    (to / f"{name}.yaml").write_text(
        text.replace("CodeUri: src/\n", f"CodeUri: {functions.name}\n"), "utf-8"
    )
    for file in BESIDE_THE_TEMPLATE:
        shutil.copyfile(ROOT / file, to / file)
    document = sbom.document(
        version(), _sha256(functions), _committed_at(), list(sbom.packages(artifact))
    )
    (to / f"{name}.cdx.json").write_text(json.dumps(document, indent=2) + "\n", "utf-8")
    files = sorted(to.iterdir())
    sums = "".join(f"{_sha256(file)}  {file.name}\n" for file in files)
    (to / "SHA256SUMS").write_text(sums, "utf-8")


def pack(folder: Path, file: Path) -> None:
    """A zip of the folder's files, the same for the same files."""
    with zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED, compresslevel=9) as archive:
        for path in sorted(path for path in folder.rglob("*") if path.is_file()):
            entry = zipfile.ZipInfo(path.relative_to(folder).as_posix())
            entry.external_attr = 0o100644 << 16
            entry.compress_type = zipfile.ZIP_DEFLATED
            archive.writestr(entry, path.read_bytes())


def version() -> str:
    """The version in pyproject.toml."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["project"]
    found: str = project["version"]
    return found


def _build(folder: Path) -> Path:
    """The artifact, as `sam build` makes it."""
    subprocess.run(
        ["make", "--no-print-directory", "-C", "src", "build-WebhookFunction"],
        cwd=ROOT,
        env={**os.environ, "ARTIFACTS_DIR": str(folder), "PYTHON": sys.executable},
        check=True,
    )
    return folder


def _committed_at() -> str:
    """The time of the commit, or of SOURCE_DATE_EPOCH, in ISO 8601.

    https://reproducible-builds.org/specs/source-date-epoch/
    """
    seconds = os.environ.get("SOURCE_DATE_EPOCH") or subprocess.check_output(
        ["git", "log", "-1", "--format=%ct"], cwd=ROOT, text=True
    )
    return datetime.fromtimestamp(int(seconds), UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def _sha256(file: Path) -> str:
    return hashlib.sha256(file.read_bytes()).hexdigest()


if __name__ == "__main__":
    sys.exit(main())

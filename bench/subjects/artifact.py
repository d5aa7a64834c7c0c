"""The built artifact of a commit, for the Python that measures it, and its size."""

import importlib.metadata
import io
import os
import platform
import re
import shutil
import subprocess
import sys
import tarfile
import zipfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from bench.subjects.interpreters import Interpreter
from local.aws_stand_in.function import ROOT

OURS = ("handler", "klaviyo_client", "klaviyo_mapping", "ledger", "operations")

LAMBDA_BRINGS = ("boto3", "botocore", "s3transfer", "jmespath", "dateutil", "six.py", "urllib3")
"""Packages in Lambda's runtime, used if the function does not bring its own."""


class RevisionError(Exception):
    """There is no such commit, or no repository."""


@dataclass(frozen=True, slots=True)
class Artifact:
    """What is measured: a commit's function as it would be deployed.

    `version` says which Python runs it. `built` is false if it was put together from the packages
    of the virtual environment; `why` then says why the build failed.
    """

    revision: str
    folder: Path
    python: Path
    version: str
    runtime: Path
    built: bool
    why: str = ""
    megabytes: Mapping[str, float] = field(default_factory=dict)

    def command(self, *arguments: str) -> list[str]:
        """A process of a Python that has nothing installed, and finds the artifact by `PYTHONPATH`.

        `-P` keeps the bench's own folder out of the imports.
        """
        return [str(self.python), "-P", *arguments]

    def imports(self) -> str:
        """`PYTHONPATH`: the artifact, then what Lambda's runtime brings."""
        return os.pathsep.join((str(self.folder), str(self.runtime)))


def present_revision() -> str:
    """The short id of the checked-out commit, with `-dirty` if `src` differs from it."""
    try:
        revision = _git("rev-parse", "--short=10", "HEAD")
        changed = _git("status", "--porcelain", "--", "src")
    except RevisionError:
        return "no-git"
    return f"{revision}-dirty" if changed else revision


def resolve(revision: str) -> str:
    """The short id of a commit. Raises `RevisionError`."""
    try:
        return _git("rev-parse", "--short=10", "--verify", f"{revision}^{{commit}}")
    except RevisionError as error:
        raise RevisionError(f"{revision} is no commit that git knows here ({error})") from None


def sources_of(revision: str, folder: Path) -> Path:
    """The `src` of a commit, written under `folder`."""
    archive = subprocess.run(
        ["git", "archive", "--format=tar", revision, "src"],
        cwd=ROOT,
        capture_output=True,
        check=True,
    )
    with tarfile.open(fileobj=io.BytesIO(archive.stdout)) as tar:
        tar.extractall(folder, filter="data")
    return folder / "src"


def make(revision: str, sources: Path, scratch: Path, on: Interpreter | None = None) -> Artifact:
    """Build the artifact as `sam build` does, for the Python that measures it (`on`; by default
    this environment's). If that fails, copy the packages of this environment."""
    own = Interpreter(Path(sys.executable), platform.python_version(), 0.0)
    on = on or own
    folder = scratch / "artifact"
    python = scratch / "python"
    runtime = scratch / "runtime"
    _make_environment(on, python)
    interpreter = python / "bin" / "python"
    _link_runtime(runtime)
    why = _build(sources, folder, on) or _cannot_import(interpreter, folder, runtime)
    if why:
        shutil.rmtree(folder, ignore_errors=True)
        if on.minor != own.minor:
            # The packages of this environment are for its own Python.
            on = own
            _make_environment(on, python)
        _copy(sources, folder)
        unusable = _cannot_import(interpreter, folder, runtime)
        if unusable:
            raise SystemExit(f"bench: {revision} cannot be imported: {unusable}")
    _compile(folder, interpreter)
    return Artifact(
        revision=revision,
        folder=folder,
        python=interpreter,
        version=str(on),
        runtime=runtime,
        built=not why,
        why=why,
        megabytes=weigh(folder),
    )


def _make_environment(interpreter: Interpreter, folder: Path) -> None:
    command = [str(interpreter.path), "-m", "venv", "--without-pip", "--clear", str(folder)]
    subprocess.run(command, check=True)


def weigh(folder: Path) -> dict[str, float]:
    """The size of a folder in MB: unzipped and as a zip, with byte code and without."""
    files = sorted(path for path in folder.rglob("*") if path.is_file())
    sources = [path for path in files if path.suffix != ".pyc"]
    return {
        "unzipped": _size(files),
        "unzipped_sources": _size(sources),
        "zipped": _zipped(folder, files),
        "zipped_sources": _zipped(folder, sources),
    }


def _size(files: Sequence[Path]) -> float:
    return sum(path.stat().st_size for path in files) / 1_000_000


def _zipped(folder: Path, files: Sequence[Path]) -> float:
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w", zipfile.ZIP_DEFLATED) as archive:
        for path in files:
            archive.writestr(str(path.relative_to(folder)), path.read_bytes())
    return len(packed.getvalue()) / 1_000_000


def _build(sources: Path, folder: Path, on: Interpreter) -> str:
    """Run the makefile that `sam build` runs; returns its error, or nothing."""
    folder.mkdir()
    command = ["make", "-s", "build-WebhookFunction", f"ARTIFACTS_DIR={folder}"]
    command += [f"PYTHON={sys.executable}", f"RUNS_ON=3.{on.minor}", f"PYTHON313={on.path}"]
    variables = {name: value for name, value in os.environ.items() if name != "PYTHONPATH"}
    # Offline, pip would try each package five times before it gives up.
    variables["PIP_RETRIES"] = "0"
    done = subprocess.run(
        command, cwd=sources, env=variables, capture_output=True, text=True, check=False
    )
    return _last_line(done.stderr) if done.returncode else ""


def _cannot_import(interpreter: Path, folder: Path, runtime: Path) -> str:
    """Why the artifact does not run on this machine, for instance packages for another
    processor."""
    done = subprocess.run(
        [str(interpreter), "-P", "-B", "-c", "import handler.webhook, handler.retry"],
        env={"PYTHONPATH": os.pathsep.join((str(folder), str(runtime)))},
        capture_output=True,
        text=True,
        check=False,
    )
    return _last_line(done.stderr) if done.returncode else ""


def _last_line(text: str) -> str:
    """The last line with information: make's own line only names the target."""
    lines = [line for line in text.splitlines() if line.strip() and not line.startswith("make")]
    return lines[-1].strip() if lines else "no message"


def _copy(sources: Path, folder: Path) -> None:
    """Copy the packages that the functions require from this environment, and our own."""
    requirements = (sources / "requirements.txt").read_text()
    for name in re.findall(r"^([A-Za-z0-9._-]+)==", requirements, re.MULTILINE):
        try:
            distribution = importlib.metadata.distribution(name)
        except importlib.metadata.PackageNotFoundError:
            raise SystemExit(
                f"bench: {name} can neither be fetched nor is it in this environment"
            ) from None
        for path in distribution.files or ():
            if ".." not in path.parts and path.suffix != ".pyc":
                target = folder / path
                target.parent.mkdir(parents=True, exist_ok=True)
                shutil.copy(str(path.locate()), target)
    # An earlier commit may lack a package of today's.
    for package in filter(lambda name: (sources / name).is_dir(), OURS):
        shutil.copytree(
            sources / package, folder / package, ignore=shutil.ignore_patterns("__pycache__")
        )


def _compile(folder: Path, interpreter: Path) -> None:
    """Make byte code for this Python, if the build made none."""
    if not any(folder.rglob("*.pyc")):
        command = [str(interpreter), "-m", "compileall", "-q", "-j", "1"]
        subprocess.run([*command, "--invalidation-mode", "unchecked-hash", str(folder)], check=True)


def _link_runtime(runtime: Path) -> None:
    runtime.mkdir()
    for name in LAMBDA_BRINGS:
        found = next((path for each in sys.path if (path := Path(each) / name).exists()), None)
        if found is not None:
            (runtime / name).symlink_to(found.resolve())


def _git(*arguments: str) -> str:
    try:
        done = subprocess.run(
            ["git", *arguments], cwd=ROOT, capture_output=True, text=True, check=False
        )
    except OSError as error:
        raise RevisionError(f"git: {error.strerror}") from None
    if done.returncode:
        raise RevisionError(_last_line(done.stderr))
    return done.stdout.strip()

"""The wheel: what it installs, what it needs, and that its command works away from the checkout."""

import ast
import os
import re
import shutil
import subprocess
import sys
import tomllib
import venv
from collections.abc import Iterator
from pathlib import Path
from zipfile import ZipFile

import pytest

from local.aws_stand_in.function import ROOT

SOURCES = ("cli", "installed", "preview", "src", "pyproject.toml", "setup.py", "README.md")
"""What is built: a copy, so that the checkout gets no `build/` and none is taken from it."""

PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]

DISTRIBUTIONS = {
    "aws_lambda_powertools": "aws-lambda-powertools",
    "botocore": "boto3",
    "dotenv": "python-dotenv",
    "phonenumbers": "phonenumberslite",
}
"""Imported packages that the distribution's name does not tell."""

FOR_TYPES = {"mypy_boto3_sqs"}
"""Imported by the type checker only."""


def run(*command: object, cwd: Path) -> str:
    environment = {"PATH": os.environ["PATH"], "HOME": str(cwd), "PIP_NO_INPUT": "1"}
    done = subprocess.run(
        [str(part) for part in command],
        cwd=cwd,
        env=environment,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout
    return done.stdout


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("wheel")
    source = folder / "source"
    for name in (*SOURCES, "LICENSE"):
        path = ROOT / name
        if path.is_dir():
            shutil.copytree(path, source / name, ignore=shutil.ignore_patterns("__pycache__"))
        else:
            shutil.copy2(path, source / name)
    pip = (sys.executable, "-m", "pip", "--disable-pip-version-check")
    offline = ("--no-deps", "--no-build-isolation", "--no-index")
    run(*pip, "wheel", *offline, "--wheel-dir", folder, source, cwd=folder)
    (made,) = folder.glob("*.whl")
    return made


@pytest.fixture(scope="module")
def installed(wheel: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A fresh environment with the wheel, and this one's packages as its dependencies."""
    folder = tmp_path_factory.mktemp("installed")
    venv.create(folder / "venv", with_pip=False, symlinks=True)
    python = folder / "venv" / "bin" / "python"
    pip = (sys.executable, "-m", "pip", "--disable-pip-version-check", "--python", python)
    run(*pip, "install", "--no-deps", "--no-index", wheel, cwd=folder)
    (packages,) = (folder / "venv" / "lib").glob("python*/site-packages")
    # A folder that a .pth file adds is searched, and its own .pth files (this checkout's) are not.
    here = next(path for path in sys.path if (Path(path) / "msgspec").is_dir())
    (packages / "dependencies.pth").write_text(f"{here}\n")
    return folder


def test_wheel_has_one_top_level_package_that_is_typed(wheel: Path) -> None:
    names = ZipFile(wheel).namelist()
    metadata = f"klaviyo_destination-{PROJECT['version']}.dist-info"
    assert {name.split("/")[0] for name in names} == {"klaviyo_destination", metadata}
    assert "klaviyo_destination/py.typed" in names
    assert f"{metadata}/licenses/LICENSE" in names


def test_wheel_has_every_module_that_the_checkout_has(wheel: Path) -> None:
    modules = {
        *(path.relative_to(ROOT / "installed") for path in (ROOT / "installed").rglob("*.py")),
        *(bundled(path.relative_to(ROOT)) for path in (ROOT / "cli").rglob("*.py")),
        *(bundled(path.relative_to(ROOT)) for path in (ROOT / "preview").rglob("*.py")),
        *(bundled(path.relative_to(ROOT / "src")) for path in (ROOT / "src").rglob("*.py")),
    }
    held = {Path(name) for name in ZipFile(wheel).namelist() if name.endswith(".py")}
    assert held == modules


def bundled(path: Path) -> Path:
    return Path("klaviyo_destination", "bundled") / path


def test_installed_command_works_away_from_the_checkout(installed: Path) -> None:
    command = installed / "venv" / "bin" / "klaviyo-destination"
    assert run(command, "--version", cwd=installed).strip().endswith(PROJECT["version"])
    shown = run(command, "preview", ROOT / "events" / "track.json", cwd=installed)
    assert "POST /api/events" in shown


def test_every_installed_module_can_be_imported(installed: Path) -> None:
    script = """
import importlib, pkgutil, sys
from klaviyo_destination.__main__ import BUNDLED, HERE
sys.path.insert(0, str(BUNDLED))
names = [
    found.name
    for folder, prefix in ((HERE, "klaviyo_destination."), (BUNDLED, ""))
    for found in pkgutil.walk_packages([str(folder)], prefix)
]
for name in names:
    if name not in ("handler.webhook", "handler.retry"):  # They read the environment at import.
        assert importlib.import_module(name).__file__.startswith(str(HERE)), name
print(len(names))
"""
    python = installed / "venv" / "bin" / "python"
    assert int(run(python, "-c", script, cwd=installed)) > 50


def test_nothing_else_is_importable_beside_the_command(installed: Path) -> None:
    python = installed / "venv" / "bin" / "python"
    script = """
import importlib.util as u
names = ("cli", "handler", "preview", "klaviyo_client", "klaviyo_mapping", "ledger", "operations")
print([name for name in names if u.find_spec(name)])
"""
    assert run(python, "-c", script, cwd=installed).strip() == "[]"


def imported() -> Iterator[str]:
    """Top-level names of what the installed modules import, without ours and Python's own."""
    ours = {
        "klaviyo_destination",
        "cli",
        "preview",
        *(path.name for path in (ROOT / "src").iterdir()),
    }
    for folder in ("installed", "cli", "preview", "src"):
        for path in (ROOT / folder).rglob("*.py"):
            for node in ast.walk(ast.parse(path.read_text())):
                names: list[str] = []
                if isinstance(node, ast.Import):
                    names = [alias.name for alias in node.names]
                elif isinstance(node, ast.ImportFrom) and node.level == 0:
                    names = [node.module or ""]
                for name in names:
                    top = name.split(".")[0]
                    if top not in sys.stdlib_module_names and top not in ours | FOR_TYPES:
                        yield top


def test_dependencies_are_what_is_imported() -> None:
    declared = {re.split(r"[^\w-]", line)[0] for line in PROJECT["dependencies"]}
    assert declared == {DISTRIBUTIONS.get(name, name) for name in imported()}

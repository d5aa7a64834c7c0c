"""Segment's own SDK (npm) as a judge: of types by TypeScript, of requests by its own calls."""

import json
import os
import shutil
import subprocess
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

import pytest

FOLDER = Path(__file__).parent
MODULES = FOLDER / "node_modules"
LOCK = FOLDER / "package-lock.json"
PACKAGE = "@segment/public-api-sdk-typescript"

PLAIN = """
type Plain<T> = T extends number ? number | string
  : T extends Array<infer U> ? Plain<U>[]
  : T extends object ? { [K in keyof T]: Plain<T[K]> }
  : T;
"""
"""The SDK's types as JSON has them: its enumerations are texts there."""

COMPILE = (
    *("--strict", "--noEmit", "--skipLibCheck", "--esModuleInterop"),
    *("--target", "es2020", "--module", "commonjs", "--moduleResolution", "node10"),
)


def require() -> None:
    """Install the SDK as the lock file pins it; skip the test where there is no npm.

    With SEGMENT_SDK=required, as in CI, a missing npm is a failure.
    """
    if not (shutil.which("node") and shutil.which("npm")):
        reason = "node and npm are not installed, so Segment's SDK cannot judge"
        if os.environ.get("SEGMENT_SDK") == "required":
            pytest.fail(reason)
        pytest.skip(reason)
    installed = MODULES / ".package-lock.json"
    if not installed.exists() or installed.stat().st_mtime < LOCK.stat().st_mtime:
        run("npm", "ci", "--ignore-scripts", "--no-audit", "--no-fund")
        installed.touch()


def run(*command: str, stdin: str = "") -> str:
    """What a command in the SDK's folder writes."""
    done = subprocess.run(
        command, cwd=FOLDER, input=stdin, capture_output=True, text=True, timeout=180, check=False
    )
    if done.returncode:
        pytest.fail(f"{' '.join(command)}: {done.stdout}{done.stderr}")
    return done.stdout


def objections(values: Iterable[tuple[str, Any]], place: Path) -> list[str]:
    """What TypeScript says of values, each with the SDK's model that it should be.

    A key that is missing or unknown, and a value of another type, are errors.
    """
    named = list(values)
    models = sorted({model for model, _ in named})
    lines = [
        f"import {{ {model} }} from '{PACKAGE}/dist/model/{model[0].lower()}{model[1:]}';"
        for model in models
    ]
    lines += [
        f"export const value{number}: Plain<{model}> = {json.dumps(value)};"
        for number, (model, value) in enumerate(named)
    ]
    file = place / "values.ts"
    file.write_text(PLAIN + "\n".join(lines))
    (place / "node_modules").symlink_to(MODULES)
    done = subprocess.run(
        ["node", str(MODULES / "typescript" / "bin" / "tsc"), *COMPILE, file.name],
        cwd=place,
        capture_output=True,
        text=True,
        timeout=180,
        check=False,
    )
    return [line for line in done.stdout.splitlines() if "error TS" in line]


def call(url: str, token: str, calls: Sequence[Mapping[str, Any]]) -> list[Any]:
    """The SDK's calls, and what it read of each answer."""
    told = json.dumps({"url": url, "token": token, "calls": calls})
    bodies: list[Any] = json.loads(run("node", "calls.js", stdin=told))
    return bodies

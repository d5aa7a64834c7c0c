"""The files with which `sam local` runs the built functions against a running `make run`.

`sam local invoke WebhookFunction --event events/track.json --config-file .run/sam.toml` needs
nothing else: the file names the machine's architecture and the file with the functions' variables.
https://docs.aws.amazon.com/serverless-application-model/latest/developerguide/serverless-sam-cli-config.html
"""

import json
import os
import platform
from collections.abc import Mapping
from pathlib import Path
from urllib.parse import urlsplit

from local.aws_stand_in.server import REGION

VARIABLES, OPTIONS = "env.json", "sam.toml"

ARCHITECTURES = {"x86_64": "x86_64", "AMD64": "x86_64", "aarch64": "arm64", "arm64": "arm64"}
"""Lambda's names for the machine's architecture, which its containers share."""

DOCKERS_NAME = "host.docker.internal"
"""The name of this machine's loopback for containers in Docker Desktop:
https://docs.docker.com/desktop/features/networking/."""


def host() -> str:
    """This machine's name for containers: `LAMBDA_LOCAL_HOST`, or Docker Desktop's."""
    return os.environ.get("LAMBDA_LOCAL_HOST", "").strip() or DOCKERS_NAME


def write(folder: Path, variables: Mapping[str, str]) -> Path:
    """Write both files, with addresses as containers see them; returns the configuration file.

    Only their owner can read them.
    """
    seen = {name: _seen_from(host(), text) for name, text in variables.items()}
    _write(folder / VARIABLES, json.dumps({"Parameters": seen}, indent=2))
    shared = "\n".join(
        f"{name} = {json.dumps(value)}"
        for name, value in {
            "env_vars": str((folder / VARIABLES).resolve()),
            "parameter_overrides": f"Architecture={ARCHITECTURES[platform.machine()]}",
            "region": REGION,
        }.items()
    )
    _write(
        folder / OPTIONS,
        f"version = 0.1\n\n[default.local_invoke.parameters]\n{shared}\n\n"
        f'[default.local_start_api.parameters]\n{shared}\nwarm_containers = "EAGER"\n',
    )
    return folder / OPTIONS


def _write(path: Path, text: str) -> None:
    path.unlink(missing_ok=True)
    with os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w") as file:
        file.write(text)


def _seen_from(name: str, text: str) -> str:
    parts = urlsplit(text)
    if parts.scheme != "http" or parts.hostname != "127.0.0.1":
        return text
    return parts._replace(netloc=f"{name}:{parts.port}").geturl()

"""The accounts that a deployment needs, on this machine: `python -m tests.emulator.accounts`.

`EMULATOR` names the Python that has ministack.
"""

import os
import shlex
import signal
import socket
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from local import klaviyo_stand_in as klaviyo
from local import segment_stand_in as segment
from tests.emulator import aws, template

KEY, TOKEN, SOURCE = "pk_stand_in", "sgp_stand_in", "my-shop"
"""Klaviyo's private key, the token of Segment's Public API, the source in Segment."""

FOLDER = Path(".run/accounts")


@dataclass(frozen=True, slots=True)
class Accounts:
    """What stands in for Klaviyo, Segment and AWS, and how the commands find it."""

    klaviyo: klaviyo.Account
    segment: segment.Workspace
    template: Path
    variables: Mapping[str, str]
    differences: tuple[str, ...]
    """What differs in the template from template.yaml."""


@contextmanager
def serve(folder: Path) -> Iterator[Accounts]:
    """Serve all three; what they write is in the folder. Sets AWS's variables here, for boto3."""
    account = klaviyo.Account(keys={KEY})
    account.add_list("Y6nRLr", name="Newsletter", opt_in_process="double_opt_in")
    workspace = segment.Workspace(TOKEN)
    workspace.add_source(SOURCE, "My shop")
    with (
        klaviyo.serve(account) as klaviyo_url,
        segment.serve(workspace) as segment_url,
        aws.serve(os.environ["EMULATOR"], _free_port(), log_in(folder)) as variables,
    ):
        file = folder / "template.json"
        differences = tuple(template.write(file, klaviyo_url, variables["AWS_ENDPOINT_URL"]))
        yield Accounts(
            account,
            workspace,
            file,
            {**variables, "SEGMENT_API_URL": segment_url},
            differences,
        )


def log_in(folder: Path) -> Path:
    """The emulator's log."""
    return folder / "emulator.log"


def main() -> int:
    """Serve until Ctrl-C, and say how to use them."""
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, signal.default_int_handler)
    FOLDER.mkdir(parents=True, exist_ok=True)
    try:
        with serve(FOLDER) as accounts:
            for line in accounts.differences:
                print(f"   {line}")
            variables = {**accounts.variables, "TEMPLATE": str(accounts.template.resolve())}
            named = " ".join(f"{name}={shlex.quote(text)}" for name, text in variables.items())
            print(
                f"\nIn another terminal:\n\n  export {named}\n\n"
                f"Klaviyo's private key is {KEY}, the token of Segment's Public API {TOKEN}, the "
                f"source {SOURCE}.\nServing until Ctrl-C.",
                flush=True,
            )
            signal.pause()
    except KeyboardInterrupt:
        print("Stopping.")
    return 0


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


if __name__ == "__main__":
    sys.exit(main())

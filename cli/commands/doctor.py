"""`doctor`: checks the set-up, with a remedy for each problem."""

from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from cli import terminal as console
from cli.options import (
    CommandContext,
    json_option,
    setting_options,
    settings_of,
    stack_option,
)
from cli.troubles import Status

if TYPE_CHECKING:
    from cli.examination.check import Check

EPILOG = """\b
Examples:
  klaviyo-destination doctor --stack klaviyo-destination
  KLAVIYO_PRIVATE_KEY=pk_… klaviyo-destination doctor --list-id Y6nRLr

\b
Changes nothing. It uses the key of the stack's secret, or KLAVIYO_PRIVATE_KEY. Scopes that write
are checked with empty requests, which Klaviyo refuses as invalid.
Where Klaviyo throttles a check, it waits and asks again, for two minutes in all.
With --json: {"healthy", "checks": [{"name", "health" (good, doubtful, bad, unknown, skipped),
"found", "remedy"}]}. Exit status: 1 if anything is bad, else 3 if anything could not be checked,
because AWS or Klaviyo cannot be reached or does not let it look.
"""

MARKS = {
    "good": ("✓", console.GOOD),
    "doubtful": ("!", console.DOUBTFUL),
    "bad": ("✗", console.BAD),
    "unknown": ("?", console.DOUBTFUL),
    "skipped": ("·", console.FAINT),
}


@click.command("doctor", epilog=EPILOG)
@stack_option
@setting_options
@json_option
def command(stack_name: str | None, env_file: Path | None, as_json: bool, **options: Any) -> int:
    """Check settings, secret, key and its scopes, lists, queues and the stack's outputs."""
    from cli.examination.check import Health, worst
    from cli.examination.doctor import examine

    checks: list[Check] = []
    context = CommandContext(stack_name, env_file, settings_of(options))
    for check in examine(context, console.tell_pause):
        checks.append(check)
        if not as_json:
            _show(check)
    found = worst(checks)
    if as_json:
        healthy = found is Health.GOOD
        console.write_json({"healthy": healthy, "checks": [asdict(check) for check in checks]})
    return {Health.BAD: Status.PROBLEMS, Health.UNKNOWN: Status.UNFINISHED}.get(found, Status.OK)


def _show(check: "Check") -> None:
    mark, style = MARKS[check.health.value]
    remedy = f" → {check.remedy}" if check.remedy else ""
    console.say(console.painted(mark, style), f"{check.name:<13}{check.found}{remedy}")

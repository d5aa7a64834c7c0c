"""Segment's own SDK (npm) as a judge: of types by TypeScript, of requests by its own calls."""

import json
import subprocess
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

from local.segment_stand_in import Exchange
from tests.npm import install, run

FOLDER = Path(__file__).parent
MODULES = FOLDER / "node_modules"
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


MODELS: Mapping[str, tuple[str | None, str]] = {
    "listSources": (None, "ListSources200Response"),
    "listConnectedDestinationsFromSource": (
        None,
        "ListConnectedDestinationsFromSource200Response",
    ),
    "listDestinations": (None, "ListDestinations200Response"),
    "listSubscriptionsFromDestination": (None, "ListSubscriptionsFromDestination200Response"),
    "getDestinationMetadata": (None, "GetDestinationMetadata200Response"),
    "createDestination": ("CreateDestinationV1Input", "CreateDestination200Response"),
    "updateDestination": ("UpdateDestinationV1Input", "UpdateDestination200Response"),
    "createDestinationSubscription": (
        "CreateDestinationSubscriptionAlphaInput",
        "CreateDestinationSubscription200Response",
    ),
    "updateSubscriptionForDestination": (
        "UpdateSubscriptionForDestinationAlphaInput",
        "UpdateSubscriptionForDestination200Response",
    ),
}
"""The SDK's models of each operation's body and answer."""


def require() -> None:
    """Install the SDK; skip the test where that cannot be."""
    install(FOLDER, "Segment's SDK")


Values = list[tuple[str, Any]]
"""Each with the SDK's model that it should be."""


def bodies_and_answers(exchanges: Iterable[Exchange]) -> Values:
    """What was sent and answered."""
    values: Values = []
    for each in exchanges:
        body, answer = MODELS[each.operation]
        values += [(answer, each.answer)] + ([] if body is None else [(body, each.body)])
    return values


def objections(
    groups: Mapping[str, Sequence[tuple[str, Any]]], place: Path
) -> dict[str, list[str]]:
    """What TypeScript says of each group's values, each with the SDK's model that it should be.

    A key that is missing or unknown, and a value of another type, are errors. All groups are judged
    in one run, since each reads the whole SDK.
    """
    for name, values in groups.items():
        models = sorted({model for model, _ in values})
        lines = [
            f"import {{ {model} }} from '{PACKAGE}/dist/model/{model[0].lower()}{model[1:]}';"
            for model in models
        ]
        lines += [
            f"export const value{number}: Plain<{model}> = {json.dumps(value)};"
            for number, (model, value) in enumerate(values)
        ]
        (place / f"{name}.ts").write_text(PLAIN + "\n".join(lines))
    (place / "node_modules").symlink_to(MODULES)
    done = subprocess.run(
        [
            *("node", str(MODULES / "typescript" / "bin" / "tsc"), *COMPILE),
            *(f"{name}.ts" for name in groups),
        ],
        cwd=place,
        capture_output=True,
        text=True,
        timeout=180,
        check=False,
    )
    said = [line for line in done.stdout.splitlines() if "error TS" in line]
    found = {name: [line for line in said if line.startswith(f"{name}.ts(")] for name in groups}
    assert sum(map(len, found.values())) == len(said), "it objects to something else"
    return found


def call(url: str, token: str, calls: Sequence[Mapping[str, Any]]) -> list[Any]:
    """The SDK's calls, and what it read of each answer."""
    document = json.dumps({"url": url, "token": token, "calls": calls})
    bodies: list[Any] = json.loads(run(FOLDER, "node", "calls.js", stdin=document))
    return bodies

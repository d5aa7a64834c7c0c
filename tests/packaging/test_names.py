"""No name means two things. A name stands twice only where it means one thing in two layers.

Functions are left out: they are called by their module (`weather.to_json`, `bodies.deletion`).
"""

import ast
from collections import defaultdict
from collections.abc import Iterator
from pathlib import Path

from local.aws_stand_in.function import ROOT

FOLDERS = ("src", "cli", "preview", "deploy", "local", "bench")
PATHS = sorted(path for folder in FOLDERS for path in (ROOT / folder).rglob("*.py"))

SHARED_MODULES = {
    "account": "a Klaviyo account",
    "api": "Klaviyo's API: called, and stood in for",
    "archive": "Segment's archive: read, and compared with an account",
    "aws": "calls to AWS",
    "backfill": "the command, its work and its measurement",
    "consent": "a person's consent: read from a message, and planned",
    "decision": "what a message becomes, or why nothing",
    "delivery": "one delivery: made, and reported",
    "doctor": "the command and its checks",
    "edits": "edits of custom properties: read from a message, and merged",
    "endpoints": "Klaviyo's endpoints",
    "environment": "the environment variables of the functions",
    "events": "Klaviyo's events: mapped, and stored by the stand-in",
    "fates": "what became of a message",
    "import_jobs": "Klaviyo's import jobs",
    "klaviyo": "Klaviyo, from the command line: read, and examined",
    "ledger": "the ledger: its package, its part of a stack, its measurement",
    "lists": "Klaviyo's lists",
    "local": "what runs on this machine",
    "messages": "made-up messages",
    "outcomes": "what became of an operation: for the client, and for the ledger",
    "pause": "the pause of the deliveries: the command, and what it does",
    "people": "the people whom messages are about",
    "preview": "the preview and its command",
    "queue": "the queues' entries: kept, and edited",
    "queues": "the retry queue and the dead-letter queue",
    "rate_limits": "Klaviyo's rate limits: kept, and enforced",
    "records": "what is stored about people: by the ledger, by the stand-in account",
    "report": "what is reported: of a call, of a measurement",
    "routes": "the routes of an HTTP server",
    "run": "one run of a long command",
    "secret": "the stack's secret",
    "segment": "Segment: its format, its account, its part of the examination",
    "server": "an HTTP server",
    "settings": "the settings of the mapping",
    "signature": "Segment's signature of a request",
    "stack": "a stack: read, and examined",
    "times": "times as Klaviyo takes them",
    "traffic": "a stream of made-up messages",
    "weather": "the bad days of the stand-in Klaviyo",
    "webhook": "the webhook: the function, and a call to it",
}

SHARED_CLASSES = {
    "Account": "a Klaviyo account",
    "Answer": "an HTTP answer",
    "Arrival": "a message as it arrived",
    "Batch": "a batch of SQS messages",
    "Exchange": "an HTTP request with its answer",
    "Fate": "what became of a message",
    "MailingList": "a Klaviyo list",
    "Refusal": "why a request is refused",
    "Request": "an HTTP request to Klaviyo",
    "Row": "a row of a table that is shown",
    "Selection": "what the options of a command select",
    "Source": "where a value of an operation comes from",
    "Stack": "a CloudFormation stack",
    "Subject": "what a measurement, or an item of a request, is about",
    "Waiting": "what waits to be delivered",
    "Words": "the records of people's latest messages: the protocol, and the ledger's own",
}


def modules() -> Iterator[tuple[str, Path]]:
    """Modules and packages."""
    for path in PATHS:
        if path.name == "__init__.py":
            yield path.parent.name, path.parent
        elif not path.stem.startswith("__"):
            yield path.stem, path


def classes() -> Iterator[tuple[str, Path]]:
    for path in PATHS:
        for node in ast.parse(path.read_text("utf-8")).body:
            if isinstance(node, ast.ClassDef) and not node.name.startswith("_"):
                yield node.name, path


def shared(names: Iterator[tuple[str, Path]]) -> dict[str, list[str]]:
    """The names that stand more than once, each with its files."""
    found = defaultdict(list)
    for name, path in names:
        found[name].append(str(path.relative_to(ROOT)))
    return {name: files for name, files in found.items() if len(files) > 1}


def unexplained(
    names: Iterator[tuple[str, Path]], meanings: dict[str, str]
) -> dict[str, list[str]]:
    """Shared names without a meaning here, and meanings of names that are shared no more."""
    found = shared(names)
    return {name: found.get(name, []) for name in sorted(found.keys() ^ meanings.keys())}


def test_modules_share_a_name_only_for_one_thing() -> None:
    assert unexplained(modules(), SHARED_MODULES) == {}


def test_classes_share_a_name_only_for_one_thing() -> None:
    assert unexplained(classes(), SHARED_CLASSES) == {}

"""What `doctor` asks of Segment, when there is a token: the mapping that posts to the webhook."""

import os
from collections.abc import Callable, Iterator
from typing import Any

from cli.examination.check import Check, Health
from cli.next_command import next_command
from cli.segment.connection import (
    MOST_IN_A_BATCH,
    lacking,
    others,
    posts_to,
    types_of,
    webhooks,
)
from cli.segment.public_api import SegmentApi, api_url
from klaviyo_mapping.settings.settings import Settings

TOKEN = "SEGMENT_TOKEN"  # noqa: S105 - a variable's name

SMALL_BATCH = 100
"""Below this a batch costs more requests than it saves."""


class SegmentExamination:
    """The mappings, in the whole workspace, that post to `url`, the webhook of a stack."""

    def __init__(
        self,
        stack_name: str | None,
        url: str | None,
        settings: Settings | None,
        has_token: bool,
        on_pause: Callable[[float], None],
    ) -> None:
        self._stack_name = stack_name
        self._url = url
        self._settings = settings or Settings()
        self._has_token = has_token
        self._on_pause = on_pause

    def mapping(self) -> Iterator[Check]:
        """Whether Segment sends what the settings need, in batches, with the header."""
        token = os.environ.get(TOKEN, "").strip()
        if self._url is None:
            return
        if not token:
            yield Check("Segment", Health.SKIPPED, f"not checked: {TOKEN} is not set")
            return
        api = SegmentApi(api_url(), token, self._on_pause)
        there = webhooks(api, None, self._url)
        found = [
            (destination, mapping)
            for destination, mappings in there
            for mapping in mappings
            if posts_to(mapping, self._url)
        ]
        if not found:
            remedy = _connect("NAME", self._stack_name)
            yield Check("Segment", Health.BAD, "no mapping posts to the webhook", remedy)
        for destination, mapping in found:
            connect = _connect(destination["sourceId"], self._stack_name)
            yield mapping_check(destination, mapping, self._settings, self._has_token, connect)
        for source_id in dict.fromkeys(destination["sourceId"] for destination, _ in found):
            for name in others(there, source_id, self._url):
                yield Check(
                    "Segment",
                    Health.DOUBTFUL,
                    f"{name}: looks like another stack that gets the same source's messages",
                    "disable one of the two destinations in Segment",
                )


def _connect(source: str, stack_name: str | None) -> str:
    return f"run {next_command('connect', stack_name, '--source', source)}"


def mapping_check(
    destination: Any, mapping: Any, settings: Settings, has_token: bool, connect: str
) -> Check:
    """What is wrong with a mapping, the worst first. `connect` says how to bring it up to date."""
    name = destination.get("name") or destination["id"]
    fields = mapping.get("settings") or {}
    if not destination["enabled"] or not mapping["enabled"]:
        return Check("Segment", Health.BAD, f"{name}: not enabled", connect)
    headers = {each.lower() for each in fields.get("headers") or {}}
    if has_token and "authorization" not in headers:
        found = f"{name}: no header Authorization, and a webhook token is required"
        return Check("Segment", Health.BAD, found, connect)
    missing = lacking(mapping["trigger"], types_of(settings))
    if missing:
        found = f"{name}: the trigger leaves out {', '.join(missing)}"
        return Check("Segment", Health.DOUBTFUL, found, connect)
    if not fields.get("enable_batching"):
        return Check("Segment", Health.DOUBTFUL, f"{name}: batching is off", connect)
    size = int(fields["batch_size"]) if str(fields.get("batch_size")).isdecimal() else 0
    if not SMALL_BATCH <= size <= MOST_IN_A_BATCH:
        found = f"{name}: batch size {size}"
        return Check("Segment", Health.DOUBTFUL, found, f"{connect}, with --batch-size 1000")
    header = ", with the header" if "authorization" in headers else ""
    return Check("Segment", Health.GOOD, f"{name}: {mapping['trigger']}, batches of {size}{header}")

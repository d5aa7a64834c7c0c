"""A fault run knows whose fates were lost with a process that was killed."""

import json
from pathlib import Path

import pytest

from tests.faults.account.books import ENDED, lost_with_their_process


def carried(*ids: str) -> str:
    return json.dumps(
        {"level": "INFO", "reason": "fate_not_written_yet", "message_ids": ids},
        separators=(",", ":"),
    )


ALL_WRITTEN = '{"level":"INFO","message":"fates carried over","before":2,"left":0,"codes":{}}'
SOME_LEFT = '{"level":"INFO","message":"fates carried over","before":2,"left":1,"codes":{}}'


@pytest.mark.parametrize(
    ("lines", "lost"),
    [
        ([carried("a", "b")], set()),
        ([carried("a", "b"), ENDED], {"a", "b"}),
        ([carried("a"), SOME_LEFT, ENDED, carried("b")], {"a"}),
        ([carried("a"), ALL_WRITTEN, carried("b"), ENDED], {"b"}),
        ([carried("a"), ALL_WRITTEN, ENDED], set()),
        ([ENDED, carried("a"), '{"level":"INF', ENDED], {"a"}),
    ],
)
def test_what_a_process_carried_over_is_lost_when_it_ends(
    lines: list[str], lost: set[str], tmp_path: Path
) -> None:
    (tmp_path / "webhook-0.log").write_text("\n".join(lines) + "\n")
    (tmp_path / "retry-0.log").write_text(carried("c") + "\n")
    assert lost_with_their_process(tmp_path) == lost

"""Segment's own Klaviyo destination (Actions), run beside ours on the same messages.

`PEER=<dir>` is a folder that has been prepared once, with Node on the `PATH`:

    node_modules/                 with the published `@segment/action-destinations`
    segment_bench.cjs             node segment_bench.cjs <dir> <fixtures> stub|http|coldbatch …
    segment_cold_entry.cjs        node segment_cold_entry.cjs <fixtures> <port>

Both run on the messages of `bench.messages`. The harness writes its figures as lines of JSON. It
starts from parsed messages, except for the first batch and the batch of tracks called
`…_incl_JSON.parse`. Ours always starts from the bytes of the webhook call, verifies them and checks
every message.
"""

import json
import shutil
import subprocess
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from time import perf_counter
from typing import Any

REPETITIONS = {"stub": 7, "http": 3}


class PeerError(Exception):
    """The peer cannot be run. The text says what is missing."""


@dataclass(frozen=True, slots=True)
class Case:
    """Which of our figures is compared with which of the peer's, and the ratio to aim at."""

    figure: str
    label: str
    ours: str
    peers: str
    target: float


CASES = (
    Case("peer.track", "1,000 tracks", "bytes → request", "JSON.parse → answered", 0.45),
    Case("peer.identify", "1,000 identifies", "bytes → request", "parsed → answered", 0.6),
    Case("peer.order", "200 orders of five", "bytes → request", "parsed → answered", 0.15),
    Case("peer.first", "first 1,000 tracks", "bytes → request", "JSON.parse → answered", 0.2),
    Case("peer.single", "1 track over loopback", "whole webhook", "parsed → answered", 1.4),
    Case("peer.cold", "process start → first", "webhook answered", "event delivered", 0.7),
)

OURS: Mapping[str, str] = {
    "peer.track": "batch.track.request",
    "peer.identify": "batch.identify.request",
    "peer.order": "batch.order.request",
    "peer.first": "first.request",
    "peer.single": "singles",
    "peer.cold": "cold.environment",
}
"""Our figure for each of the peer's."""

_HARNESS: Mapping[str, str] = {
    "peer.track": "track_batch_1000_incl_JSON.parse",
    "peer.identify": "identify_batch_1000",
    "peer.order": "order_completed_5_single_serial",
    "peer.single": "track_single_serial",
}


@dataclass(frozen=True, slots=True)
class Peer:
    """A prepared folder. `fixtures` are the messages; `port` is where the sink listens."""

    folder: Path
    fixtures: Path
    port: int

    def measure(self, figure: str) -> float:
        """One fresh process: microseconds a message; milliseconds for the first batch and a cold
        start."""
        if figure == "peer.cold":
            return self._cold()
        if figure == "peer.first":
            document = self._run("coldbatch")
            return float(document["parse_ms"] + document["first_batch_ms"])
        mode = "http" if figure == "peer.single" else "stub"
        options = ("--only", _HARNESS[figure], "--reps", str(REPETITIONS[mode]))
        document = self._run(mode, *options, "--port", str(self.port))
        # More digits than its `ms_per_event` has.
        return float(document["ms_median"]) / float(document["events"]) * 1000

    def _run(self, mode: str, *options: str) -> dict[str, Any]:
        harness = str(self.folder / "segment_bench.cjs")
        command = ["node", harness, str(self.folder), str(self.fixtures), mode, *options]
        done = subprocess.run(command, capture_output=True, text=True, check=False)
        lines = [line for line in done.stdout.splitlines() if line.startswith("{")]
        if done.returncode or not lines:
            raise PeerError(
                f"node {mode}: {(done.stderr.strip() or 'no figures').splitlines()[-1]}"
            )
        document: dict[str, Any] = json.loads(lines[-1])
        return document

    def _cold(self) -> float:
        """Milliseconds from the start of the process until it reports that the event is
        delivered."""
        entry = str(self.folder / "segment_cold_entry.cjs")
        command = ["node", entry, str(self.fixtures), str(self.port)]
        began = perf_counter()
        with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL) as run:
            assert run.stdout is not None
            line = run.stdout.readline()
            delivered = perf_counter()
        if not line:
            raise PeerError("node segment_cold_entry.cjs said nothing")
        return (delivered - began) * 1000


def check(folder: Path) -> None:
    """Raise `PeerError` if something is missing in the prepared folder."""
    if shutil.which("node") is None:
        raise PeerError("there is no node on the PATH")
    if not folder.is_dir():
        raise PeerError(f"there is no folder {folder}")
    for name in ("node_modules", "segment_bench.cjs", "segment_cold_entry.cjs"):
        if not (folder / name).exists():
            raise PeerError(f"{folder} has no {name}; see bench/rows/peer.py")

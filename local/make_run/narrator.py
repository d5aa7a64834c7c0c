"""Reports what happens: a line for each request, and one for each retry batch."""

import json
from collections.abc import Mapping
from datetime import datetime
from typing import Any

from local.aws_stand_in.http_api import Exchange
from local.aws_stand_in.poller import Batch
from local.make_run.deployment import Deployment
from local.samples import outcome_of
from local.screen import Screen


class Narrator:
    """Silent until it gets a deployment. Thread-safe."""

    def __init__(self, screen: Screen) -> None:
        self._screen = screen
        self.deployment: Deployment | None = None

    def tell_exchange(self, exchange: Exchange) -> None:
        """One request to the HTTP API."""
        if self.deployment is not None:
            self._tell(
                f"{exchange.method} {exchange.path}  {exchange.status}",
                _outcome(exchange.body),
                exchange.seconds,
            )

    def tell_batch(self, batch: Batch) -> None:
        """One batch of the retry queue, and the size of the queues after it."""
        if self.deployment is None:
            return
        failed = f", {batch.failed} of them failed" if batch.failed else ""
        waiting, dead = self.deployment.waiting().total, self.deployment.dead().total
        self._tell(
            "retry queue",
            f"{batch.received} tried{failed}; {waiting} waiting, {dead} in the dead-letter queue",
            batch.seconds,
        )

    def _tell(self, what: str, outcome: str, seconds: float) -> None:
        clock = datetime.now().astimezone().strftime("%H:%M:%S")
        self._screen.line(f"  {clock}  {what:20}  {round(seconds * 1000):5} ms  {outcome}")


def _outcome(body: str) -> str:
    try:
        answer: Mapping[str, Any] = json.loads(body)
    except ValueError:
        return ""
    return outcome_of(answer)

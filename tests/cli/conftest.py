"""What the command line's tests share."""

import pytest

from tests.cli.stacks import MakeStack
from tests.deployment import Deployment


@pytest.fixture
def make_stack(deployment: Deployment) -> MakeStack:
    """Makes stacks of this test's deployment."""
    return MakeStack(deployment)


@pytest.fixture
def no_secrets(monkeypatch: pytest.MonkeyPatch) -> None:
    """Nothing of the environment of whoever runs the tests."""
    for name in (
        "KLAVIYO_PRIVATE_KEY",
        "SEGMENT_SHARED_SECRET",
        "WEBHOOK_TOKEN",
        "SEGMENT_TOKEN",
        "DEAD_LETTER_QUEUE_URL",
    ):
        monkeypatch.delenv(name, raising=False)

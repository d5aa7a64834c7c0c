"""Everything fails now and then, and every message is accounted for. See `make faults`, too."""

from pathlib import Path

import pytest

from tests.deployment import Deployment
from tests.faults.account.reckoning import problems, table
from tests.faults.messages.traffic import SMALL
from tests.faults.run import Run, Settings


def test_whatever_fails_every_message_is_accounted_for(
    deployment: Deployment, tmp_path: Path
) -> None:
    """Klaviyo, SQS and the secret store fail, the retry function dies, Segment repeats itself."""
    settings = Settings(
        seed=1,
        messages=3_000,
        sizes=SMALL,
        traffic_seconds=10,
        weather_seconds=0.8,
        visibility_seconds=5,
        once_seconds=20.0,
        p_kill=0.4,
        queue_seconds=(1.0, 2.0),
        is_timed=False,
        processor_share=1.0,
    )
    report = Run(deployment, settings, tmp_path).carry_out()
    assert problems(report) == [], table(report)
    assert report.tally.batches["died"], "the retry function died"
    assert report.tally.calls["503"], "the queue was out of reach"
    assert report.tally.messages_sent_again, "Segment has repeated itself"


def test_while_klaviyo_alone_fails_the_metrics_add_up_to_the_last_operation(
    deployment: Deployment, tmp_path: Path
) -> None:
    settings = Settings(
        seed=2,
        messages=1_500,
        sizes=SMALL,
        traffic_seconds=6,
        weather_seconds=0.8,
        visibility_seconds=60,
        once_seconds=20.0,
        breaks=False,
        is_timed=False,
        processor_share=1.0,
    )
    report = Run(deployment, settings, tmp_path).carry_out()
    assert problems(report) == [], table(report)
    assert report.tally.answers["queued"], "something had to wait"


def test_with_a_ledger_whose_table_fails_whatever_is_stale_was_said_not_to_be_checked(
    deployment: Deployment, tmp_path: Path
) -> None:
    settings = Settings(
        seed=3,
        messages=600,
        sizes=SMALL,
        traffic_seconds=6,
        weather_seconds=0.8,
        visibility_seconds=15,
        once_seconds=20.0,
        p_kill=0.0,
        ledger="failing",
        is_timed=False,
        processor_share=1.0,
    )
    report = Run(deployment.with_ledger(), settings, tmp_path).carry_out()
    assert problems(report) == [], table(report)
    assert report.tally.table["throttled"]
    assert report.tally.table["unanswered"]
    assert report.warnings["order_not_checked"]


@pytest.mark.alone
def test_whatever_fails_each_answer_comes_in_time_on_lambdas_share_of_a_processor(
    deployment: Deployment, tmp_path: Path
) -> None:
    settings = Settings(
        seed=4,
        messages=200,
        sizes=((1, 20, 1),),
        traffic_seconds=4,
        weather_seconds=0.25,
        visibility_seconds=3,
        once_seconds=5.0,
        p_kill=0.0,
        queue_seconds=(0.8, 1.2),
    )
    report = Run(deployment, settings, tmp_path).carry_out()
    assert problems(report) == [], table(report)
    assert report.tally.calls["503"], "the queue was out of reach"

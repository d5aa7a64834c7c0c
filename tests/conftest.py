"""Real parts for tests: moto's server as AWS, the stand-in as Klaviyo, queues and a secret."""

import gc
import signal
import sys
import uuid
from collections.abc import Iterator

import pytest
from aws_lambda_powertools import Metrics
from hypothesis import HealthCheck, settings

from handler.report.telemetry import NAMESPACE, SERVICE
from local import klaviyo_stand_in as klaviyo
from local.aws_stand_in import server as aws
from local.klaviyo_stand_in import Account
from tests.deployment import (
    LEDGER_KEY,
    LISTS,
    PRIVATE_KEY,
    SHARED_SECRET,
    Deployment,
    client,
)
from tests.suite.effort import examples
from tests.suite.time_limit import pytest_runtest_protocol as pytest_runtest_protocol

settings.register_profile(
    "suite",
    # The same examples on each run, and however busy the machine is: a failure is never a matter
    # of luck.
    derandomize=True,
    database=None,
    deadline=None,
    max_examples=examples(100),
    suppress_health_check=[HealthCheck.too_slow],
)
settings.load_profile("suite")

# A shell that starts the tests in the background has them ignore Ctrl-C, and with them each process
# that a test starts, to interrupt it. What is handled here is not handed down.
if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
    signal.signal(signal.SIGINT, signal.default_int_handler)


@pytest.hookimpl(trylast=True)
def pytest_configure() -> None:
    """What the collector runs at the bottom of an exhausted stack fails no test.

    A body of 100,000 brackets exhausts the stack on purpose. If the collector comes by just then,
    what it runs (a `__del__`, a callback of Hypothesis) has no room, and pytest blames the test
    that happens to be running: https://github.com/mongodb/mongo-python-driver/pull/3010.
    """
    blame = sys.unraisablehook

    def unless_the_stack_was_exhausted(unraisable: "sys.UnraisableHookArgs") -> None:
        if unraisable.exc_type is not RecursionError:
            blame(unraisable)

    sys.unraisablehook = unless_the_stack_was_exhausted


@pytest.hookimpl(wrapper=True)
def pytest_collection() -> Iterator[None]:
    """The collector passes over what is imported and the thousands of tests: they stay anyway.

    It took a quarter of the tests' time.
    """
    gc.disable()
    try:
        return (yield)
    finally:
        gc.freeze()
        gc.enable()


@pytest.fixture(autouse=True)
def nothing_is_counted_for_the_next_test() -> Iterator[None]:
    """Powertools gathers metrics for the whole process, and a test may leave some unwritten."""
    yield
    Metrics(namespace=NAMESPACE, service=SERVICE).clear_metrics()


@pytest.fixture(scope="session")
def aws_url() -> Iterator[str]:
    """Moto's server, one for all tests."""
    with aws.serve() as url:
        yield url


@pytest.fixture
def aws_variables(aws_url: str, monkeypatch: pytest.MonkeyPatch) -> dict[str, str]:
    """The environment leads boto3 to moto's server, here and in processes that are started."""
    variables = aws.variables(aws_url)
    for name, value in variables.items():
        monkeypatch.setenv(name, value)
    monkeypatch.delenv("AWS_PROFILE", raising=False)
    return variables


@pytest.fixture
def account() -> Account:
    """A stand-in account with two lists, without rate limits."""
    account = Account(keys={PRIVATE_KEY})
    for list_id, name, process in LISTS:
        account.add_list(list_id, name=name, opt_in_process=process)
    return account


@pytest.fixture
def deployment(aws_variables: dict[str, str], account: Account) -> Iterator[Deployment]:
    """Queues and a secret of the test's own, and the stand-in over HTTP."""
    secret = {
        "klaviyo_private_key": PRIVATE_KEY,
        "segment_shared_secret": SHARED_SECRET,
        "ledger_key": LEDGER_KEY,
    }
    queues = aws.create(f"test-{uuid.uuid4().hex}", secret, client)
    with klaviyo.serve(account) as klaviyo_url:
        variables = {**aws_variables, **queues.variables(), "KLAVIYO_API_URL": klaviyo_url}
        yield Deployment(variables, account, queues, client("sqs"))


@pytest.fixture
def ledger_has_time(monkeypatch: pytest.MonkeyPatch) -> None:
    """The functions' ledger has time, also on a busy machine."""
    monkeypatch.setattr("handler.books.opening.SECONDS", 30.0)
    monkeypatch.setattr("handler.books.looking_up.READ_SECONDS", 30.0)

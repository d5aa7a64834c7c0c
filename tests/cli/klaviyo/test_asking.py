"""Single questions to Klaviyo, asked of the stand-in."""

import pytest

from cli.klaviyo.asking import Inquirer
from klaviyo_client.api.answers import Answer
from klaviyo_client.api.outcomes import Retryable, RetryReason
from local.klaviyo_stand_in import Account, Weather, serve
from tests.deployment import PRIVATE_KEY


@pytest.mark.parametrize("status", [401, 403])
def test_a_page_says_nothing_of_the_key(account: Account, status: int) -> None:
    """Such as Cloudflare's challenge: https://github.com/klaviyo/klaviyo-api-python/issues/84"""
    account.set_weather(Weather(status=status, html=True))
    with serve(account) as url:
        reply = Inquirer(url, PRIVATE_KEY, lambda _: None).ask("GET", "/api/accounts")
    assert reply == Retryable(RetryReason.UNEXPECTED_ANSWER, None, status)


@pytest.mark.parametrize("status", [401, 403])
def test_klaviyos_own_answer_is_one(account: Account, status: int) -> None:
    account.set_weather(Weather(status=status))
    with serve(account) as url:
        reply = Inquirer(url, PRIVATE_KEY, lambda _: None).ask("GET", "/api/accounts")
    assert isinstance(reply, Answer)
    assert reply.status == status

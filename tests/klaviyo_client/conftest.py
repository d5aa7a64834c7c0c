"""A client whose Klaviyo is the stand-in, over HTTP."""

from collections.abc import Iterator

import pytest

from klaviyo_client.delivery import Klaviyo
from local.klaviyo_stand_in import Account, Policy, serve
from tests.klaviyo_client.fakes import BAD_PHONE


@pytest.fixture
def account() -> Account:
    account = Account(policy=Policy(refused_phones=frozenset({BAD_PHONE})))
    account.add_list("L1", "Newsletter", "single_opt_in")
    return account


@pytest.fixture
def url(account: Account) -> Iterator[str]:
    with serve(account) as address:
        yield address


@pytest.fixture
def klaviyo(url: str) -> Klaviyo:
    return Klaviyo(url, probe_seconds=0.2)

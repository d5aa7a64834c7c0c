"""The secret: what it may hold, how long it is kept, what a rotation does."""

import json
from typing import Any

import pytest

from handler.aws.credentials import Credentials, CredentialStore, CredentialsUnavailable
from handler.aws.environment import Environment
from klaviyo_mapping.settings.settings import Settings


class SecretStore:
    """A secret that can be changed and put out of reach, and a clock."""

    def __init__(self, document: Any) -> None:
        self.document = document
        self.reads = 0
        self.now = 1000.0
        self.is_down = False

    def fetch(self, arn: str, seconds: float) -> str:
        self.reads += 1
        if self.is_down:
            raise CredentialsUnavailable("the secret cannot be read: Down")
        return self.document if isinstance(self.document, str) else json.dumps(self.document)

    def store(self, key: str | None = None, secret: str | None = None) -> CredentialStore:
        environment = Environment(
            Settings(),
            "https://q",
            "https://d",
            credentials_secret_arn="arn",
            klaviyo_private_key=key,
            segment_shared_secret=secret,
        )
        return CredentialStore(environment, self.fetch, lambda: self.now)


LEDGER_KEY = "0123456789abcdef" * 2

SECRET = {"klaviyo_private_key": "pk_1", "segment_shared_secret": "s1"}


@pytest.mark.parametrize(
    ("document", "credentials"),
    [
        (SECRET, Credentials("pk_1", ("s1",))),
        (SECRET | {"segment_shared_secret": ["s1", "s2"]}, Credentials("pk_1", ("s1", "s2"))),
        (SECRET | {"webhook_token": "t"}, Credentials("pk_1", ("s1",), ("t",))),
        (SECRET | {"klaviyo_private_key": " pk_1\n"}, Credentials("pk_1", ("s1",))),
        (SECRET | {"segment_shared_secret": "s1\n"}, Credentials("pk_1", ("s1", "s1\n"))),
        (
            SECRET | {"segment_shared_secret": [" s1", "s2\r\n"]},
            Credentials("pk_1", ("s1", " s1", "s2", "s2\r\n")),
        ),
        (SECRET | {"webhook_token": " t\n"}, Credentials("pk_1", ("s1",), ("t",))),
        (SECRET | {"webhook_token": "Bearer  t"}, Credentials("pk_1", ("s1",), ("t",))),
        (
            SECRET | {"webhook_token": ["new", "Bearer old"]},
            Credentials("pk_1", ("s1",), ("new", "old")),
        ),
        (SECRET | {"further": 1}, Credentials("pk_1", ("s1",))),
        (SECRET | {"ledger_key": LEDGER_KEY}, Credentials("pk_1", ("s1",), (), LEDGER_KEY)),
        (SECRET | {"ledger_key": LEDGER_KEY[1:]}, Credentials("pk_1", ("s1",))),
        (SECRET | {"ledger_key": 1}, Credentials("pk_1", ("s1",))),
    ],
)
def test_what_a_secret_may_hold(document: Any, credentials: Credentials) -> None:
    assert SecretStore(document).store().get(2.0) == credentials


KEY = "klaviyo_private_key: expected a Klaviyo private key (pk_…)"
SHARED = "segment_shared_secret: expected a text, or a list of texts while rotating, none blank"
TOKEN = "webhook_token: expected a text, or a list of texts while rotating, none blank"


@pytest.mark.parametrize(
    ("document", "message"),
    [
        ("", "the secret is not JSON"),
        ("pk_1", "the secret is not JSON"),
        ([], "the secret is not a JSON object"),
        ({}, KEY),
        (SECRET | {"klaviyo_private_key": " "}, KEY),
        (SECRET | {"klaviyo_private_key": "pk_\nx"}, KEY),
        (SECRET | {"klaviyo_private_key": "pk_é"}, KEY),
        (SECRET | {"segment_shared_secret": ""}, SHARED),
        (SECRET | {"segment_shared_secret": []}, SHARED),
        (SECRET | {"segment_shared_secret": ["s1", " "]}, SHARED),
        (SECRET | {"segment_shared_secret": None}, SHARED),
        (SECRET | {"webhook_token": ""}, TOKEN),
        (SECRET | {"webhook_token": 5}, TOKEN),
        (SECRET | {"webhook_token": []}, TOKEN),
        (SECRET | {"webhook_token": ["t", " "]}, TOKEN),
        (SECRET | {"webhook_token": "Bearer "}, TOKEN),
        ("[" * 100_000, "the secret is not JSON"),
    ],
)
def test_an_unusable_secret_is_refused_with_the_field(document: Any, message: str) -> None:
    with pytest.raises(CredentialsUnavailable) as caught:
        SecretStore(document).store().get(2.0)
    assert str(caught.value) == message


def test_both_stand_ins_are_used_without_reading_the_secret() -> None:
    secrets = SecretStore(SECRET)
    assert secrets.store("pk_env", "s_env").get(2.0) == Credentials("pk_env", ("s_env",))
    assert secrets.reads == 0


def test_one_stand_in_takes_the_place_of_its_field_alone() -> None:
    assert SecretStore(SECRET).store(key="pk_env").get(2.0) == Credentials("pk_env", ("s1",))


def test_the_secret_is_read_once_and_again_after_five_minutes() -> None:
    secrets = SecretStore(SECRET)
    store = secrets.store()
    store.get(2.0)
    secrets.document = SECRET | {"klaviyo_private_key": "pk_2"}
    secrets.now += 299
    assert (store.get(2.0).klaviyo_private_key, secrets.reads) == ("pk_1", 1)
    secrets.now += 1
    assert (store.get(2.0).klaviyo_private_key, secrets.reads) == ("pk_2", 2)


def test_while_the_store_is_out_of_reach_the_old_secret_stays_in_use() -> None:
    secrets = SecretStore(SECRET)
    store = secrets.store()
    store.get(2.0)
    secrets.is_down = True
    secrets.now += 300
    assert store.get(2.0).klaviyo_private_key == "pk_1"
    assert store.get(2.0).klaviyo_private_key == "pk_1"
    assert secrets.reads == 2, "and is not asked for at every call"


def test_a_secret_found_wrong_is_read_again_but_not_at_every_wrong_signature() -> None:
    secrets = SecretStore(SECRET)
    store = secrets.store()
    store.get(2.0)
    secrets.document = SECRET | {"segment_shared_secret": "s2"}
    assert (store.fresh(2.0).shared_secrets, secrets.reads) == (("s1",), 1)
    secrets.now += 10
    assert (store.fresh(2.0).shared_secrets, secrets.reads) == (("s2",), 2)
    assert store.get(2.0).shared_secrets == ("s2",)
    assert (store.fresh(2.0).shared_secrets, secrets.reads) == (("s2",), 2)


HALF_WRITTEN = {"klaviyo_private_key": "pk_1"}


@pytest.mark.parametrize("trouble", ["down", "half-written"])
def test_while_nobody_can_say_whether_a_secret_is_wrong_nothing_is_said(trouble: str) -> None:
    secrets = SecretStore(SECRET)
    store = secrets.store()
    store.get(2.0)
    secrets.now += 10
    secrets.is_down, secrets.document = trouble == "down", HALF_WRITTEN
    for _ in range(1_000):
        with pytest.raises(CredentialsUnavailable):
            store.fresh(2.0)
    assert secrets.reads == 2, "a stranger costs one read in ten seconds"
    assert store.get(2.0).shared_secrets == ("s1",), "and honest calls nothing"
    secrets.now += 10
    secrets.is_down, secrets.document = False, SECRET | {"segment_shared_secret": "s2"}
    assert store.fresh(2.0).shared_secrets == ("s2",)


def test_credentials_do_not_show_themselves() -> None:
    assert repr(Credentials("pk_canary", ("canary",), ("canary",))) == "Credentials()"

"""A deployment that replaces the secret does not leave the destination without its keys."""

import uuid
from collections.abc import Callable, Iterator

import boto3
import pytest

from deploy.secret import carry_over
from tests.deployment import Deployment

Make = Callable[[str | None], str]


@pytest.fixture
def make(deployment: Deployment) -> Iterator[Make]:
    client = boto3.client("secretsmanager")

    def create(text: str | None) -> str:
        name = f"s-{uuid.uuid4().hex[:8]}"
        if text is None:
            return client.create_secret(Name=name)["ARN"]
        return client.create_secret(Name=name, SecretString=text)["ARN"]

    yield create
    client.close()


def text_of(arn: str) -> str:
    return boto3.client("secretsmanager").get_secret_value(SecretId=arn)["SecretString"]


def test_an_empty_new_secret_gets_the_old_ones_text(make: Make) -> None:
    old, new = make("the text"), make(None)
    assert carry_over(old, new)
    assert text_of(new) == text_of(old) == "the text"


def test_a_secret_that_has_a_text_keeps_it(make: Make) -> None:
    old, new = make("old"), make("new")
    assert not carry_over(old, new)
    assert text_of(new) == "new"


def test_nothing_is_carried_over_on_a_first_deployment_or_where_the_secret_stays(
    make: Make,
) -> None:
    only = make("the text")
    assert not carry_over(None, only)
    assert not carry_over(only, only)

"""The token in `Authorization`: required once it is configured, and not before."""

import pytest

from handler.door.refusals import InvalidToken, SecretError
from handler.door.token import verify_token


@pytest.mark.parametrize("authorization", [None, "", "Bearer anything", "Basic eA=="])
def test_without_a_configured_token_nothing_is_required(authorization: str | None) -> None:
    verify_token(authorization, [])


@pytest.mark.parametrize(
    "authorization",
    ["Bearer tok-1", "bearer tok-1", "BEARER tok-1", "Bearer  tok-1 "],
)
def test_the_configured_token_is_accepted(authorization: str) -> None:
    verify_token(authorization, ["tok-1"])


@pytest.mark.parametrize("header", ["größe", "größe".encode().decode("latin-1")])
def test_a_token_beyond_ascii_is_accepted_however_the_gateway_reads_it(header: str) -> None:
    verify_token(f"Bearer {header}", ["größe"])


@pytest.mark.parametrize(
    "authorization",
    [
        None,
        "",
        "Bearer",
        "Bearer ",
        "tok-1",
        "Basic tok-1",
        "Bearertok-1",
        "Bearer tok-",
        "Bearer tok-12",
        "Bearer TOK-1",
        "Bearer tok-1,Bearer tok-1",
        "Bearer tök-1",
        "Bearer t☃k-1",
        "Bearer \ud800",
    ],
)
def test_anything_else_is_refused(authorization: str | None) -> None:
    with pytest.raises(InvalidToken):
        verify_token(authorization, ["tok-1"])


@pytest.mark.parametrize("token", ["", "  "])
def test_a_blank_token_is_a_fault_of_the_configuration(token: str) -> None:
    with pytest.raises(SecretError):
        verify_token("Bearer ", [token])


@pytest.mark.parametrize("authorization", ["Bearer new-1", "Bearer old-1"])
def test_during_a_rotation_either_token_is_accepted(authorization: str) -> None:
    verify_token(authorization, ["new-1", "old-1"])


def test_a_blank_token_beside_another_one_is_a_fault_of_the_configuration() -> None:
    with pytest.raises(SecretError):
        verify_token("Bearer new-1", ["new-1", ""])


def test_a_refusal_holds_no_token() -> None:
    with pytest.raises(InvalidToken) as refusal:
        verify_token("Bearer given-1", ["wanted-1"])
    assert "given-1" not in str(refusal.value)
    assert "wanted-1" not in str(refusal.value)

"""Each refusal is one status and one code, both of which callers rely on."""

from handler.door.refusals import Refusal


def test_the_statuses_and_codes_of_the_refusals() -> None:
    assert {refusal.code: refusal.status for refusal in Refusal.__subclasses__()} == {
        "invalid_signature": 401,
        "invalid_token": 401,
        "not_json": 400,
        "no_message": 400,
        "too_large": 413,
    }

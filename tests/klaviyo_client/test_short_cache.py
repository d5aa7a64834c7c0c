"""A cache that keeps nothing large."""

import pytest

from klaviyo_client.short_cache import cached_if_short


@pytest.mark.parametrize(
    ("texts", "computed"),
    [
        (["ab", "ab", "abc", "abc"], ["ab", "abc"]),
        (["abcd", "abcd"], ["abcd", "abcd"]),
        (["a", "b", "c", "a"], ["a", "b", "c", "a"]),
    ],
)
def test_what_is_short_is_computed_once_while_it_is_kept(
    texts: list[str], computed: list[str]
) -> None:
    found: list[str] = []

    @cached_if_short(3, entries=2)
    def twice(text: str, separator: str) -> str:
        found.append(text)
        return f"{text}{separator}{text}"

    assert [twice(text, "-") for text in texts] == [f"{text}-{text}" for text in texts]
    assert found == computed

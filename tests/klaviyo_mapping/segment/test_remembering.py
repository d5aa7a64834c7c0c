"""What is remembered is bounded, in number and in size."""

import tracemalloc

from klaviyo_mapping.profile.attributes import candidates_in
from klaviyo_mapping.segment.keys import Precedence
from klaviyo_mapping.segment.remembering import KEPT, LETTERS_KEPT, remembered

Argument = tuple[str, ...] | str


def asked(*arguments: Argument) -> list[int]:
    """How often the function had run after each of these calls."""
    runs: list[Argument] = []
    after = []

    @remembered
    def function(argument: Argument) -> object:
        runs.append(argument)
        return argument

    for argument in arguments:
        assert function(argument) == argument
        after.append(len(runs))
    return after


def test_what_was_asked_before_is_remembered() -> None:
    assert asked("a", "b", "a", ("a", "b"), ("a", "b")) == [1, 2, 2, 3, 3]


def test_what_is_large_is_looked_through_each_time() -> None:
    text, keys = "a" * LETTERS_KEPT, ("a",) * LETTERS_KEPT
    assert asked(text, text, keys, keys) == [1, 2, 3, 4]


def test_beyond_the_number_all_are_forgotten() -> None:
    many = [str(number) for number in range(KEPT)]
    assert asked(*many, "0", "new", "0", "new")[-4:] == [KEPT, KEPT + 1, KEPT + 2, KEPT + 2]


def test_keys_of_30_kb_fill_no_memory() -> None:
    """Each message of a stranger's may bring its own."""
    table = Precedence({"email": ("email",)})
    tracemalloc.start()
    for number in range(500):
        key = f"{number}" + "k" * 30_000
        table.keys_in({key: 1})
        candidates_in(((key,), (), ()))
    kept, _ = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert kept < 1_000_000

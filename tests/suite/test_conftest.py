"""What the tests' own set-up promises."""


class WithoutRoom:
    def __del__(self) -> None:
        raise RecursionError


def test_what_the_collector_runs_at_the_bottom_of_an_exhausted_stack_fails_no_test() -> None:
    WithoutRoom()

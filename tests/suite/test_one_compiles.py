"""Which workers wait for which."""

from concurrent.futures import ThreadPoolExecutor
from concurrent.futures import wait as wait_for
from contextlib import ExitStack
from pathlib import Path

from tests.suite.one_compiles import one_first


def test_others_wait_for_the_first_and_not_for_one_another(tmp_path: Path) -> None:
    file = tmp_path / "lock"
    file.touch()
    with ThreadPoolExecutor() as threads, ExitStack() as until_the_end:
        with one_first(file):
            others = [threads.submit(until_the_end.enter_context, one_first(file)) for _ in "ab"]
            assert not wait_for(others, 0.2).done
        assert len(wait_for(others, 60).done) == 2

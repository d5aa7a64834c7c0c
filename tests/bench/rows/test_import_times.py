"""What `-X importtime` writes, summed up."""

from bench.rows.import_times import Module, by_package, costliest, merged, read

TEXT = """\
import time: self [us] | cumulative | imported package
import time:       100 |        100 |     json.decoder
import time:        50 |        150 |   json
something that a library has written
import time:        10 |        400 | handler.webhook
import time:       240 |        240 |   requests.models
"""

MODULES = [
    Module("json.decoder", 100, 100),
    Module("json", 50, 150),
    Module("handler.webhook", 10, 400),
    Module("requests.models", 240, 240),
]


def test_each_import_is_read_and_other_lines_are_left_out() -> None:
    assert read(TEXT) == MODULES


def test_real_output_of_this_python_is_read() -> None:
    import subprocess
    import sys

    command = [sys.executable, "-X", "importtime", "-c", "import json"]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    [found] = [module for module in read(done.stderr) if module.name == "json"]
    assert found.whole >= found.own > 0


def test_several_runs_become_medians_of_what_all_have_imported() -> None:
    runs = [
        [Module("json", 1, 10), Module("once", 1, 1)],
        [Module("json", 2, 30)],
        [Module("json", 9, 20)],
    ]
    assert merged(runs) == [Module("json", 2, 20)]


def test_packages_are_summed_up_the_most_first_the_standard_library_as_one() -> None:
    sums = by_package(MODULES, frozenset({"json"}))
    assert list(sums.items()) == [
        ("requests", 240),
        ("standard library", 150),
        ("handler", 10),
    ]


def test_costliest_by_themselves_and_with_what_they_import() -> None:
    assert [module.name for module in costliest(MODULES, 2, whole=False)] == [
        "requests.models",
        "json.decoder",
    ]
    assert [module.name for module in costliest(MODULES, 2, whole=True)] == [
        "handler.webhook",
        "requests.models",
    ]

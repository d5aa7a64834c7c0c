"""Reads the output of Python's `-X importtime`: which modules a cold start pays for."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from statistics import median

OURS = frozenset({"handler", "klaviyo_client", "klaviyo_mapping", "operations"})

_LINE = re.compile(r"import time:\s+(\d+) \|\s+(\d+) \| ( *)(\S+)\s*$")


@dataclass(frozen=True, slots=True)
class Module:
    """One import: its own microseconds, and those including everything it imported first."""

    name: str
    own: float
    whole: float

    @property
    def package(self) -> str:
        """The top-level package."""
        return self.name.partition(".")[0]


def read(text: str) -> list[Module]:
    """The modules of one run, in the order in which they finished. Other lines are ignored."""
    found = (_LINE.match(line) for line in text.splitlines())
    return [Module(each[4], float(each[1]), float(each[2])) for each in found if each]


def merged(runs: Sequence[Sequence[Module]]) -> list[Module]:
    """The medians over several runs, for the modules that all of them imported."""
    by_name = [{module.name: module for module in run} for run in runs]
    return [
        Module(
            name,
            median(run[name].own for run in by_name),
            median(run[name].whole for run in by_name),
        )
        for name in by_name[0]
        if all(name in run for run in by_name)
    ]


def by_package(modules: Sequence[Module], standard: frozenset[str]) -> Mapping[str, float]:
    """Microseconds by top-level package, the largest first. The packages of `standard` count as
    one."""
    sums: dict[str, float] = {}
    for module in modules:
        package = module.package
        name = "standard library" if package in standard or package == "site" else package
        sums[name] = sums.get(name, 0.0) + module.own
    return dict(sorted(sums.items(), key=lambda item: -item[1]))


def costliest(modules: Sequence[Module], number: int, *, whole: bool) -> list[Module]:
    """The `number` most expensive modules, by themselves or with all that they import."""
    key = (lambda module: module.whole) if whole else (lambda module: module.own)
    return sorted(modules, key=key, reverse=True)[:number]

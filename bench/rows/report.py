"""The table: the figures, compared with an earlier commit and the peer, and the aims."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from bench.figures import Figure, ratio, ratio_in_turns, verdict
from bench.rows import peer
from bench.rows.import_times import Module, by_package, costliest
from bench.rows.measuring import GROWTH_FROM, SIZES, STAND_IN_SIZES

Figures = Mapping[str, Figure]

WIDTH = 48
GROWTH = 1.05
MOST_MEMORY = 16.0
"""MB that the largest batch may take beyond the idle process."""

LARGEST_ARTIFACT = 15.0
MOST_REQUESTS: Mapping[str, int] = {"requests.orders": 6, "requests.known": 1}


@dataclass(frozen=True, slots=True)
class Row:
    """One line: a figure and its name."""

    label: str
    figure: str


@dataclass(frozen=True, slots=True)
class Section:
    """Lines with one unit."""

    title: str
    unit: str
    rows: tuple[Row, ...]


KIND_NAMES: Mapping[str, str] = {
    "track": "track",
    "identify": "identify",
    "order": "order of five products",
}


def _of_kinds(pattern: str, label: str = "{}") -> Iterator[Row]:
    for kind, name in KIND_NAMES.items():
        yield Row(label.format(name), pattern.format(kind))


def _of_sizes(pattern: str, sizes: Mapping[str, Sequence[int]]) -> tuple[Row, ...]:
    return tuple(
        Row(f"{name} × {size:,}", pattern.format(kind, size))
        for kind, name in KIND_NAMES.items()
        for size in sizes[kind]
    )


SECTIONS = (
    Section(
        "Mapping alone (messages as three of Segment's libraries send them, 1 to 3 KB)",
        "µs a message",
        (
            *_of_kinds("validation.{}", "validation, {}"),
            *_of_kinds("mapping.{}", "mapping, {}"),
        ),
    ),
    Section(
        "From raw body to serialised bulk request: signature, parsing, validation, mapping",
        "µs a message",
        (
            *_of_kinds("batch.{}.request", "{}, a batch"),
            *_of_kinds("batch.{}", "{}, until the answer"),
        ),
    ),
    Section(
        "First batch of a fresh process: 1,000 tracks, the handler loaded",
        "ms",
        (Row("to the bulk request", "first.request"), Row("to the answer", "first")),
    ),
    Section(
        "Whole webhook handler, transport and queue stubbed (1 KB)",
        "µs a message",
        _of_sizes("stub.{}.{}", SIZES),
    ),
    Section(
        "Whole webhook handler, the stand-in over HTTP, which checks every item (1 KB)",
        "µs a message",
        _of_sizes("stand_in.{}.{}", STAND_IN_SIZES),
    ),
    Section(
        "Whole webhook handler, a far end over HTTP that checks nothing",
        "µs a call",
        (Row("one track a call, one after the other", "singles"),),
    ),
    Section(
        "Retry handler on a backlog of 1,000 messages (1 KB; an order is six operations)",
        "µs an operation",
        (
            *_of_kinds("retry.stub.{}", "{}, stubbed"),
            *_of_kinds("retry.stand_in.{}", "{}, the stand-in over HTTP"),
        ),
    ),
    Section(
        "Cold start: process start to the first answered webhook, over loopback",
        "ms",
        (
            Row("credentials in the environment", "cold.environment"),
            Row("  until Python runs", "cold.environment.python"),
            Row("  loading the handler", "cold.environment.imports"),
            Row("  the first call", "cold.environment.answer"),
            Row("credentials in Secrets Manager (moto)", "cold.secret"),
            Row("  loading the handler", "cold.secret.imports"),
            Row("  the first call", "cold.secret.answer"),
        ),
    ),
    Section(
        "Memory: 4,000 tracks of 1 KB, 4 MB",
        "MB",
        (
            Row("a process that has answered one message", "memory.idle"),
            Row("its peak with the batch", "memory.peak"),
            Row("the batch itself", "memory.batch"),
        ),
    ),
    Section(
        "Artifact",
        "MB",
        (
            Row("unzipped, with byte code", "artifact.unzipped"),
            Row("unzipped, without", "artifact.unzipped_sources"),
            Row("zipped, with byte code", "artifact.zipped"),
            Row("zipped, without", "artifact.zipped_sources"),
        ),
    ),
    Section(
        "Requests to Klaviyo, as the stand-in counts them",
        "requests",
        (
            Row("1,000 orders of five in one batch", "requests.orders"),
            Row("1,000 known profiles in one batch", "requests.known"),
        ),
    ),
    Section("The machine itself, by a fixed piece of work", "ms", (Row("json", "machine"),)),
)


def table(figures: Figures, base: Figures | None, base_name: str = "") -> str:
    """Every section. With `base`, also the earlier value, the ratio, and whether the difference is
    beyond noise."""
    lines: list[str] = []
    for section in SECTIONS:
        rows = [row for row in section.rows if row.figure in figures]
        if not rows:
            continue
        compared = f"{base_name:>12} {'ratio':>7}" if base is not None else ""
        lines += ["", section.title, f"  {'':<{WIDTH}}{section.unit:>16}   ± {compared}".rstrip()]
        lines.extend(_line(row, figures, base) for row in rows)
    return "\n".join(lines)


def _line(row: Row, figures: Figures, base: Figures | None) -> str:
    figure = figures[row.figure]
    line = f"  {row.label:<{WIDTH}}{number(figure.median):>16} {_share(figure)}"
    if base is None:
        return line
    other = base.get(row.figure)
    if other is None:
        return f"{line}{'–':>12}"
    times = ratio(figure, other)
    shown = "" if times is None else f"{times:>7.2f}"
    return f"{line}{number(other.median):>12} {shown:>7}  {verdict(figure, other)}".rstrip()


def number(value: float) -> str:
    """About three significant digits, whatever the size."""
    if value >= 100:
        return f"{value:,.0f}"
    return f"{value:.1f}" if value >= 10 else f"{value:.2f}"


def beside_the_peer(figures: Figures, peers: Figures) -> str:
    """Ours and the peer's, the ratio in turns, and the largest ratio to aim at."""
    head = f"  {'':<24}{'ours':>14}{'peer':>14}{'ratio':>8}{'aim':>7}      of ours | of the peer"
    lines = [
        "",
        "Beside Segment's Klaviyo (Actions), µs a message; the last and 'first' in ms",
        head,
    ]
    for case in peer.CASES:
        ours, other = figures.get(peer.OURS[case.figure]), peers.get(case.figure)
        if ours is None or other is None:
            lines.append(f"  {case.label:<24} not measured")
            continue
        times = ratio_in_turns(ours, other) or 0.0
        mark = _mark(times, case.target)
        lines.append(
            f"  {case.label:<24}{_spread(ours):>14}{_spread(other):>14}{times:>8.2f}"
            f"{case.target:>7.2f} {mark:<4} {case.ours} | {case.peers}"
        )
    return "\n".join(lines)


def _spread(figure: Figure) -> str:
    return f"{number(figure.median)} ±{_share(figure)}"


def _share(figure: Figure) -> str:
    """The spread; empty for a single value."""
    return f"{figure.spread:>4.0%}" if len(figure.values) > 1 else "   –"


def aims(figures: Figures) -> str:
    """The aims that need no peer: growth, requests, size.

    Growth is measured in processor time, because a busy machine interrupts long calls more often.
    """
    lines = ["", "Aims"]
    for kind, name in KIND_NAMES.items():
        if f"growth.{kind}" in figures:
            most = max(SIZES[kind])
            label = f"{name}: processor time a message at {most:,} against {GROWTH_FROM}"
            lines.append(_aim(label, figures[f"growth.{kind}"].median, GROWTH))
    for figure, most in MOST_REQUESTS.items():
        if figure in figures:
            label = next(
                row.label for section in SECTIONS for row in section.rows if row.figure == figure
            )
            lines.append(_aim(f"requests, {label}", figures[figure].median, most))
    if "memory.batch" in figures:
        label = "memory, MB of the largest batch above the resting process"
        lines.append(_aim(label, figures["memory.batch"].median, MOST_MEMORY))
    if "artifact.unzipped" in figures:
        lines.append(
            _aim("artifact, MB unzipped", figures["artifact.unzipped"].median, LARGEST_ARTIFACT)
        )
    return "\n".join(lines)


def _aim(label: str, value: float, most: float) -> str:
    return f"  {label:<70}{value:>8.2f}  at most {most:g}  {_mark(value, most)}"


def _mark(value: float, most: float) -> str:
    """Whether the value, as shown, meets the aim."""
    return "ok" if round(value, 2) <= most else "OVER"


def import_tree(modules: Sequence[Module], standard: frozenset[str], top: int = 20) -> str:
    """The sums by top-level package, and the modules that cost the most."""
    own = costliest(modules, top, whole=False)
    whole = costliest(modules, top, whole=True)
    packages = list(by_package(modules, standard).items())[:top]
    total = sum(module.own for module in modules) / 1000
    lines = [
        "",
        f"Imports until the first answer: {len(modules)} modules, {total:.0f} ms "
        "(-X importtime, which costs time itself)",
        f"  {'by top-level package':<34}{'by themselves':<44}with what they import",
    ]
    for position in range(max(len(packages), len(own))):
        cells = (
            _cell(packages[position] if position < len(packages) else None, 26),
            _cell((own[position].name, own[position].own) if position < len(own) else None, 36),
            _cell(
                (whole[position].name, whole[position].whole) if position < len(whole) else None, 36
            ),
        )
        lines.append(f"  {cells[0]:<34}{cells[1]:<44}{cells[2]}".rstrip())
    return "\n".join(lines)


def _cell(item: tuple[str, float] | None, width: int) -> str:
    return "" if item is None else f"{item[1] / 1000:>6.1f} {item[0][:width]}"

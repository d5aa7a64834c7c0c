"""The table shows what was measured, marks what differs, and holds it against the aims."""

from bench.figures import Figure
from bench.rows import peer, report
from bench.rows.import_times import Module


def figures(**values: float) -> dict[str, Figure]:
    return {name.replace("__", "."): Figure.of([value]) for name, value in values.items()}


def test_sections_without_figures_are_left_out() -> None:
    assert report.table(figures(machine=4.5), None) == "\n".join(
        [
            "",
            "The machine itself, by a fixed piece of work",
            f"  {'':<48}              ms   ±",
            f"  {'json':<48}            4.50    –",
        ]
    )


def test_earlier_commit_stands_beside_with_ratio_and_mark() -> None:
    now = figures(memory__idle=44.0, memory__peak=80.0, memory__batch=36.0)
    before = figures(memory__idle=40.0, memory__peak=80.5)
    assert report.table(now, before, "abc1234").splitlines()[2:] == [
        f"  {'':<48}              MB   ±      abc1234   ratio",
        f"  {'a process that has answered one message':<48}            44.0    –"
        "        40.0    1.10  SLOWER",
        f"  {'its peak with the batch':<48}            80.0    –        80.5    0.99",
        f"  {'the batch itself':<48}            36.0    –           –",
    ]


def test_every_figure_of_a_section_has_one_line() -> None:
    names = [row.figure for section in report.SECTIONS for row in section.rows]
    assert len(names) == len(set(names))


def test_numbers_have_about_three_digits() -> None:
    written = [report.number(value) for value in (0.5, 9.99, 12.34, 123.4, 12345.6)]
    assert written == ["0.50", "9.99", "12.3", "123", "12,346"]


def test_peer_stands_beside_ours_with_the_aim() -> None:
    ours = figures(batch__track__request=20.0, cold__environment=160.0)
    peers = figures(peer__track=40.0, peer__cold=160.0)
    rows = report.beside_the_peer(ours, peers).splitlines()[3:]
    assert rows[0].split()[:11] == [
        *("1,000", "tracks", "20.0", "±", "–", "40.0", "±", "–", "0.50", "0.45", "OVER")
    ]
    assert rows[1].split() == ["1,000", "identifies", "not", "measured"]
    assert rows[-1].split()[4:12] == ["160", "±", "–", "160", "±", "–", "1.00", "0.70"]
    assert "OVER" in rows[-1]


def test_each_case_of_the_peer_has_a_figure_of_ours() -> None:
    assert list(peer.OURS) == [case.figure for case in peer.CASES]


def test_aims_without_a_peer() -> None:
    measured = figures(
        growth__identify=1.054,
        growth__track=1.2,
        requests__orders=6.0,
        requests__known=2.0,
        artifact__unzipped=6.5,
    )
    lines = [line.split() for line in report.aims(measured).splitlines()[2:]]
    assert [(line[-5], line[-4:-1], line[-1]) for line in lines] == [
        ("1.20", ["at", "most", "1.05"], "OVER"),
        ("1.05", ["at", "most", "1.05"], "ok"),
        ("6.00", ["at", "most", "6"], "ok"),
        ("2.00", ["at", "most", "1"], "OVER"),
        ("6.50", ["at", "most", "15"], "ok"),
    ]


def test_import_tree_shows_packages_and_modules() -> None:
    modules = [Module("json", 2_000, 3_000), Module("handler.webhook", 1_000, 9_000)]
    assert [
        line.split() for line in report.import_tree(modules, frozenset({"json"})).splitlines()[3:]
    ] == [
        ["2.0", "standard", "library", "2.0", "json", "9.0", "handler.webhook"],
        ["1.0", "handler", "1.0", "handler.webhook", "3.0", "json"],
    ]

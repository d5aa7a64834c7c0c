"""Whose turn it is, and what becomes of a process that fails."""

from bench.figures import Figure
from bench.rows.measuring import Figures, MeasurementError, Recorder, Task, in_turns


def task(subject: str, rounds: int = 9, name: str = "work") -> Task:
    return Task(subject, name, rounds, lambda: {"value": 1.0})


def test_what_is_compared_runs_in_turns_and_another_one_begins_each_round() -> None:
    groups = [[task("present"), task("base"), task("peer")], [task("present", name="alone")]]
    turns = [(number, each.subject, each.name) for number, each in in_turns(groups, 2)]
    assert turns == [
        (0, "present", "work"),
        (0, "base", "work"),
        (0, "peer", "work"),
        (0, "present", "alone"),
        (1, "base", "work"),
        (1, "peer", "work"),
        (1, "present", "work"),
        (1, "present", "alone"),
    ]


def test_what_takes_long_runs_in_the_first_rounds_alone() -> None:
    turns = [(number, each.subject) for number, each in in_turns([[task("present", 2)]], 3)]
    assert turns == [(0, "present"), (1, "present")]


def test_values_of_the_rounds_become_one_figure_for_each_subject() -> None:
    values = iter([1.0, 2.0, 4.0])
    record = Recorder()
    for subject in ("present", "base", "present"):
        record.add(Task(subject, "work", 9, lambda: {"value": next(values)}))
    assert record.figures("present") == {"value": Figure.of([1.0, 4.0])}
    assert record.figures("base") == {"value": Figure.of([2.0])}
    assert record.figures("peer") == {}


def test_failure_is_noted_once_and_the_others_go_on() -> None:
    def fail() -> Figures:
        raise MeasurementError("not delivered: 200")

    record = Recorder()
    for _ in range(2):
        record.add(Task("present", "webhook order", 9, fail))
    record.add(task("present"))
    assert record.notes == {"present": ["webhook order: not delivered: 200"]}
    assert record.figures("present") == {"value": Figure.of([1.0])}

"""`backfill`: what arrives, what is left out, what is kept, and that nothing breaks it."""

import gzip
import itertools
import json
import signal
import sqlite3
import stat
import time
from collections import Counter
from collections.abc import Iterator
from dataclasses import replace as replace_fields
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from click.testing import Result
from msgspec.structs import replace

from bench.scenarios import backfill as proof
from cli.backfill import reporting
from cli.backfill import run as running
from cli.backfill.state_file import Counts
from local.klaviyo_stand_in import Account, Policy, Weather, serve
from operations import CheckImport, DeleteProfile, Identity, Operation, Subscribe, to_json
from tests.cli.calling import call, lines, on_a_terminal, start
from tests.handler.calls import identify, order, track
from tests.klaviyo_client.fakes import event

KEY = "pk_test"


@pytest.fixture
def account() -> Account:
    account = Account(keys={KEY}, policy=Policy(import_seconds=0.2))
    account.add_list("Y6nRLr", "Newsletter", "double_opt_in")
    return account


@pytest.fixture
def url(account: Account) -> Iterator[str]:
    with serve(account) as address:
        yield address


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    folder = tmp_path / "archive"
    folder.mkdir()
    return folder


class Backfill:
    """One backfill of a folder, with its state beside it."""

    def __init__(self, folder: Path, url: str) -> None:
        self.folder = folder
        self.state = folder.parent / "backfill.state"
        self.rejects_path = folder.parent / "backfill.rejects.jsonl"
        self.variables = {"KLAVIYO_API_URL": url, "KLAVIYO_PRIVATE_KEY": KEY}

    def write(self, *messages: Any, name: str = "1.jsonl") -> None:
        text = "".join(
            (each if isinstance(each, str) else json.dumps(each)) + "\n" for each in messages
        )
        (self.folder / name).write_text(text)

    def arguments(self, *options: object) -> tuple[object, ...]:
        return ("backfill", "--state", self.state, *options, self.folder)

    def run(self, *options: object, **variables: str) -> Result:
        return call(*self.arguments(*options), **(self.variables | variables))

    def report(self, *options: object, **variables: str) -> tuple[int, dict[str, Any]]:
        result = self.run("--json", *options, **variables)
        document: dict[str, Any] = json.loads(result.stdout)
        return result.exit_code, document

    def rejects(self) -> list[dict[str, Any]]:
        return [json.loads(line) for line in self.rejects_path.read_text().splitlines()]


@pytest.fixture
def backfill(folder: Path, url: str) -> Backfill:
    return Backfill(folder, url)


def ids(account: Account) -> list[str]:
    return sorted(record.unique_id for record in account.events)


# What arrives


def test_events_are_recorded_as_those_of_the_past(backfill: Backfill, account: Account) -> None:
    backfill.write(track(1), order(2))
    status, report = backfill.report()
    assert status == 0
    assert ids(account) == ["o-2", "o-2_p-0", "o-2_p-1", "track-1"]
    assert {record.backfill for record in account.events} == {True}
    assert {record.time for record in account.events} == {"2026-11-23T10:00:00+00:00"}
    expected = {
        "finished": True,
        "messages": 2,
        "mapped": 2,
        "left_out": {},
        "steps_left_out": {},
        "rejected": {},
        "delivered": {"create_event": 4},
        "waiting": 0,
        "state": str(backfill.state),
        "rejects": None,
    }
    assert {name: report[name] for name in expected} == expected


def test_single_and_bulk_are_the_same_history(backfill: Backfill, account: Account) -> None:
    backfill.write(*(track(n) for n in range(100)), *(identify(n) for n in range(100)))
    status, report = backfill.report()
    assert (status, report["delivered"]) == (0, {"create_event": 100, "upsert_profile": 100})
    assert (len(ids(account)), len(account.profiles)) == (100, 100)
    assert {record.backfill for record in account.events} == {True}
    assert account.counts[("bulk_create_events", 202)] == 1
    assert account.counts[("bulk_import_profiles", 202)] == 1


@pytest.mark.parametrize("spelling", ["{folder}/1.jsonl", "{folder}/./1.jsonl", "{folder}"])
def test_file_named_twice_is_not_counted_twice(
    spelling: str, backfill: Backfill, account: Account
) -> None:
    backfill.write(track(1))
    result = backfill.run(spelling.format(folder=backfill.folder))
    assert (result.exit_code, "1.jsonl is named twice" in result.stderr) == (2, True)
    assert (account.requests, backfill.state.exists()) == ([], False)


def test_run_twice_there_are_no_doubles(backfill: Backfill, account: Account) -> None:
    backfill.write(*(track(n) for n in range(30)))
    backfill.run()
    again = backfill.run()
    assert (again.exit_code, "This backfill is complete." in again.stderr) == (0, True)
    assert account.events_sent == 30
    status, _ = backfill.report("--restart")
    assert (status, account.events_sent, account.events_recorded) == (0, 60, 30)


@pytest.mark.parametrize("number", [3, 40])
def test_last_word_on_a_person_stands_across_import_jobs(
    number: int, backfill: Backfill, account: Account, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(running, "MOST_PROFILES", number)
    for round_ in range(3):
        backfill.write(
            *(
                identify(n, traits={"email": f"p{n}@acme-store.example", "step": round_})
                for n in range(number)
            ),
            name=f"{round_}.jsonl",
        )
    assert backfill.report()[0] == 0
    assert {profile.properties["step"] for profile in account.profiles} == {2}
    jobs = sorted(account.jobs.values(), key=lambda job: job.created)
    for earlier, later in itertools.pairwise(jobs):
        assert earlier.completed <= later.created


def test_files_are_read_in_the_order_of_their_names(backfill: Backfill, account: Account) -> None:
    for name, plan in (("2.jsonl", "new"), ("1.jsonl", "old")):
        backfill.write(identify(traits={"email": "a@acme-store.example", "plan": plan}), name=name)
    backfill.run()
    [profile] = account.profiles
    assert profile.properties == {"plan": "new"}


def test_table_says_what_it_came_to(backfill: Backfill) -> None:
    backfill.write(track(1), {"type": "page", "messageId": "p"}, track(2, userId=[]))
    result = backfill.run()
    assert lines(result)[:5] == [
        "number",
        "messages read 3",
        "mapped 1",
        "left out: unsupported_type 1",
        "operations delivered: create_event 1",
    ]
    assert "rejected invalid_message 1" in lines(result)
    assert f"What was rejected, and why, is in {backfill.rejects_path}." in lines(result)


# What is left out, and what is kept


@pytest.mark.parametrize(
    ("options", "arrive"),
    [
        ((), ["a", "b", "c"]),
        (("--since", "2026-03-02"), ["b", "c"]),
        (("--from", "2026-03-02", "--to", "2026-03-03"), ["b"]),
        (("--until", "2026-03-03T12:00:00Z"), ["a", "b"]),
        (("--since", "2026-03-02", "--until", "2026-03-03"), ["b"]),
        (("--since", "2026-03-02T01:00:00+01:00"), ["b", "c"]),
        (("--only", "track"), ["a", "b", "c"]),
        (("--only", "identify"), []),
    ],
)
def test_only_what_was_selected_arrives(
    options: tuple[str, ...], arrive: list[str], backfill: Backfill, account: Account
) -> None:
    for day, name in enumerate("abc", start=1):
        time_of_day = f"2026-03-0{day}T{'12' if name == 'c' else '00'}:00:00Z"
        backfill.write(track(messageId=name, timestamp=time_of_day), name=name)
    status, report = backfill.report(*options)
    assert (status, ids(account)) == (0, arrive)
    assert report["mapped"] + sum(report["left_out"].values()) == 3


def test_only_tracks_of_an_event_arrive(backfill: Backfill, account: Account) -> None:
    backfill.write(
        track(messageId="a", event="Order Completed"),
        track(messageId="b", event="order_completed"),
        track(messageId="c", event="Order Cancelled"),
        identify(messageId="d"),
    )
    status, report = backfill.report("--event", "Order Completed")
    assert (status, ids(account), report["left_out"]) == (0, ["a", "b"], {"other_event": 2})


def test_lists_are_left_alone_unless_asked_for(backfill: Backfill, account: Account) -> None:
    backfill.write(identify())
    _, report = backfill.report("--list-id", "Y6nRLr")
    assert report["steps_left_out"] == {"list_step": 1}
    assert account.lists["Y6nRLr"].pending == {}
    _, report = backfill.report("--list-id", "Y6nRLr", "--with-lists", "--restart")
    assert report["delivered"] == {"upsert_profile": 1, "subscribe": 1}
    assert len(account.lists["Y6nRLr"].pending) == 1


def test_audiences_are_left_alone_unless_asked_for(backfill: Backfill, account: Account) -> None:
    personas = {"computation_class": "audience", "computation_key": "vips"}
    email = "p1@acme-store.example"
    entered = track(1, properties={"email": email, "vips": True}, context={"personas": personas})
    exited = track(2, properties={"email": email, "vips": False}, context={"personas": personas})
    backfill.write(entered, exited)
    _, report = backfill.report("--audience-lists", "auto")
    assert report["left_out"] == {"list_step": 2}
    assert [each.name for each in account.lists.values()] == ["Newsletter"]
    backfill.write(entered)
    _, report = backfill.report("--audience-lists", "auto", "--with-lists", "--restart")
    assert report["delivered"] == {"add_to_list": 1}
    [vips] = [each for each in account.lists.values() if each.name == "vips"]
    assert len(vips.members) == 1


def test_consent_is_left_alone_unless_asked_for(backfill: Backfill, account: Account) -> None:
    backfill.write(
        track(1, event="User Subscribed", properties={"email": "p1@acme-store.example"}),
        track(2, event="User Unsubscribed", properties={"email": "p2@acme-store.example"}),
    )
    _, report = backfill.report("--consent-events")
    assert report["steps_left_out"] == {"consent": 2}
    assert [each.consents for each in account.profiles] == [{}, {}]
    _, report = backfill.report("--consent-events", "--with-consent", "--restart")
    assert report["delivered"] == {"create_event": 2, "subscribe": 1, "unsubscribe": 1}
    consents = {profile.email: profile.consents for profile in account.profiles}
    assert consents["p2@acme-store.example"] == {"email.marketing": "UNSUBSCRIBED"}


def test_nobody_is_deleted_on_account_of_an_archive(backfill: Backfill, account: Account) -> None:
    person = {"type": "delete", "messageId": "d", "userId": "p1@acme-store.example"}
    backfill.write(identify(userId="p1@acme-store.example"), person)
    _, report = backfill.report("--forward-deletions")
    assert (report["left_out"], list(account.deleted)) == ({"deletion": 1}, [])


def test_nobody_is_merged_on_account_of_an_archive(backfill: Backfill, account: Account) -> None:
    people = [identify(n, traits={}, userId=f"p{n}@acme-store.example") for n in (1, 2)]
    alias = {"type": "alias", "messageId": "a", "userId": "p1@acme-store.example"}
    backfill.write(*people, {**alias, "previousId": "p2@acme-store.example"})
    _, report = backfill.report("--forward-aliases")
    assert (report["left_out"], len(account.profiles)) == ({"merge": 1}, 2)


def test_rules_count_and_other_rules_are_another_backfill(
    backfill: Backfill, account: Account, tmp_path: Path
) -> None:
    rules = tmp_path / "rules.toml"
    rules.write_text('[events]\ndeny = ["Item *"]\n')
    backfill.write(track(1), track(2, event="Seen"))
    _, report = backfill.report("--rules-file", rules)
    assert (report["left_out"], len(account.events)) == ({"denied_by_rules": 1}, 1)
    rules.write_text('[events]\ndeny = ["Seen"]\n')
    result = backfill.run("--rules-file", rules)
    assert (result.exit_code, "other settings" in result.stderr) == (2, True)


def test_what_is_rejected_is_kept_with_its_place_and_reason(
    backfill: Backfill, account: Account
) -> None:
    account.set_weather(Weather(refuse_items="pointer"))
    poison = track(3, properties={"email": "p@acme-store.example", "poison": True})
    timeless = {name: value for name, value in track(4).items() if name != "timestamp"}
    malformed = track(2, userId=[])
    backfill.write(track(1), malformed, "{oops", poison, timeless)
    status, report = backfill.report()
    place = str(backfill.folder / "1.jsonl")
    assert status == 1
    assert report["rejected"] == {
        "invalid_message": 1,
        "unreadable": 1,
        "missing_time": 1,
        "refused": 1,
    }
    found = {each["line"]: each for each in backfill.rejects()}
    assert {each["source"] for each in found.values()} == {place}
    assert {line: each["reason"]["code"] for line, each in found.items()} == {
        2: "invalid_message",
        3: "unreadable",
        4: "refused",
        5: "missing_time",
    }
    assert found[2]["message"] == malformed
    assert found[3]["unreadable"] == "{oops\n"
    assert found[4]["operation"]["unique_id"] == "track-3"
    assert ids(account) == ["track-1"]
    assert stat.S_IMODE(backfill.rejects_path.stat().st_mode) == 0o600
    assert stat.S_IMODE(backfill.state.stat().st_mode) == 0o600


def test_profiles_that_a_job_refuses_later_are_rejects_too(
    backfill: Backfill, account: Account
) -> None:
    account.set_weather(Weather(refuse_items="import"))
    backfill.write(
        *(
            identify(n, traits={"email": f"p{n}@acme-store.example", "poison": n == 7})
            for n in range(20)
        )
    )
    status, report = backfill.report()
    assert (status, report["rejected"], report["waiting"]) == (1, {"refused": 1}, 0)
    [reject] = backfill.rejects()
    assert reject["operation"]["message_id"] == "identify-7"
    assert (reject["source"], reject["line"]) == (str(backfill.folder / "1.jsonl"), 8)


def test_dry_run_sends_nothing_and_keeps_nothing(backfill: Backfill, account: Account) -> None:
    backfill.write(order(1), identify(2), track(3, userId=[]))
    status, report = backfill.report("--dry-run")
    assert status == 1
    assert report["would_deliver"] == {"create_event": 3, "upsert_profile": 1}
    assert report["rejected"] == {"invalid_message": 1}
    assert (account.requests, backfill.state.exists()) == ([], False)


def test_nothing_personal_is_left_in_the_state(backfill: Backfill) -> None:
    backfill.write(*(identify(n) for n in range(300)))
    backfill.run()
    content = backfill.state.read_bytes()
    assert b"acme-store" not in content


# Trouble


def test_short_outage_costs_nothing(backfill: Backfill, account: Account) -> None:
    account.set_weather(Weather(down=True, times=4))
    backfill.write(*(track(n) for n in range(40)), *(identify(n) for n in range(10)))
    status, report = backfill.report()
    assert (status, report["rejected"], len(ids(account))) == (0, {}, 40)
    assert account.events_sent == 40


def test_long_outage_ends_with_status_3_and_the_next_run_goes_on(
    backfill: Backfill, account: Account
) -> None:
    account.set_weather(Weather(down=True))
    backfill.write(*(track(n) for n in range(40)))
    result = backfill.run("--give-up-after", "0.01")
    assert result.exit_code == 3
    assert "Klaviyo has accepted nothing for" in result.stderr
    assert "40 operations wait in" in result.stdout
    account.set_weather()
    status, report = backfill.report()
    assert (status, report["messages"], report["delivered"]) == (0, 40, {"create_event": 40})


@pytest.mark.parametrize(
    ("keys", "error"),
    [
        ({"pk_other"}, "Klaviyo does not know the key (401)"),
        ({KEY: {"profiles:read"}}, "Klaviyo forbids this to the key (403)"),
    ],
)
def test_key_that_is_not_taken_stops_it_at_once(keys: Any, error: str, folder: Path) -> None:
    with serve(Account(keys=keys)) as url:
        backfill = Backfill(folder, url)
        backfill.write(track())
        result = backfill.run()
    assert result.exit_code == 3
    assert error in result.stderr
    with serve(Account(keys={KEY})) as url:
        changed = backfill.run("--restart", KLAVIYO_API_URL=url)
    assert changed.exit_code == 0


def test_other_settings_are_another_backfill(backfill: Backfill) -> None:
    backfill.write(track())
    backfill.run()
    result = backfill.run("--no-enforce-email", "--only", "track")
    assert result.exit_code == 2
    assert "is of a backfill with other settings and selection" in result.stderr


def test_changed_files_are_told(backfill: Backfill) -> None:
    backfill.write(track())
    backfill.run()
    backfill.write(track(), track(2))
    assert "is of a backfill with other files" in backfill.run().stderr


def test_file_of_something_else_is_no_state(backfill: Backfill) -> None:
    backfill.write(track())
    backfill.state.write_text("my diary, and nobody else's business")
    result = backfill.run()
    assert (result.exit_code, "is not the state file of a backfill" in result.stderr) == (2, True)
    assert backfill.state.read_text().startswith("my diary")


def test_rate_is_a_share_of_klaviyos(folder: Path, account: Account, url: str) -> None:
    backfill = Backfill(folder, url)
    backfill.write(*(track(n) for n in range(30)))
    began = time.monotonic()
    backfill.run("--share", "20")
    assert time.monotonic() - began >= 60 / (150 * 0.2)
    assert account.counts[("bulk_create_events", 202)] == 1


# Interruptions


@pytest.mark.alone
def test_ctrl_c_ends_with_130_and_says_how_to_go_on(backfill: Backfill, account: Account) -> None:
    account.set_weather(Weather(hang=20.0))
    backfill.write(*(track(n) for n in range(40)))
    with start(*backfill.arguments(), **backfill.variables) as process:
        _until(lambda: process.poll() is not None or backfill.state.exists())
        time.sleep(1.0)
        began = time.monotonic()
        process.send_signal(signal.SIGINT)
        _, error = process.communicate(timeout=10)
    assert process.returncode == 130
    assert time.monotonic() - began < 3
    assert "Run the same command to continue" in error
    assert "Traceback" not in error
    account.set_weather()
    assert backfill.report()[0] == 0
    assert Counter(ids(account)) == Counter(f"track-{n}" for n in range(40))


def test_what_waits_while_klaviyo_is_down_is_not_called_done(
    backfill: Backfill, account: Account
) -> None:
    account.set_weather(Weather(down=True))
    backfill.write(*(track(n) for n in range(40)))
    stands = "40 messages read: 0 operations delivered, 40 wait"
    fails = "0 of about 40 messages done: 0 operations delivered (0/s), 40 wait. Klaviyo: "
    for is_continued in (False, True):
        with start(*backfill.arguments(), **backfill.variables) as process:
            assert process.stderr is not None
            if is_continued:
                assert process.stderr.readline() == f"Continuing after {stands}.\n"
                assert process.stderr.readline() == "Sending 40 events: waiting for Klaviyo …\n"
            assert process.stderr.readline() == f"{fails}unavailable, next try in 1 s\n"
            process.send_signal(signal.SIGINT)
            error = process.communicate(timeout=30)[1].splitlines()[-1]
        assert process.returncode == 130
        assert error == f"error: interrupted after {stands}. Run the same command to continue"
    account.set_weather()
    assert backfill.report()[1]["delivered"] == {"create_event": 40}


def test_two_at_once_do_not_share_a_state(backfill: Backfill, account: Account) -> None:
    account.set_weather(Weather(hang=20.0))
    backfill.write(*(track(n) for n in range(40)))
    with start(*backfill.arguments(), **backfill.variables) as process:
        _until(lambda: bool(account.requests) or process.poll() is not None or _is_busy(backfill))
        result = backfill.run()
        process.kill()
        process.communicate()
    assert result.exit_code == 3
    assert "another backfill is using" in result.stderr


def _is_busy(backfill: Backfill) -> bool:
    time.sleep(0.8)
    return backfill.state.exists()


def _until(condition: Any, seconds: float = 60.0) -> None:
    until = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < until
        time.sleep(0.02)


def test_killed_twice_and_resumed_each_event_is_there_once(tmp_path: Path) -> None:
    archive = proof.make(tmp_path / "archive", 12_000, 1_000)
    outcome = proof.prove(archive, tmp_path, kills=2, limits="off")
    assert proof.faults(archive, outcome) == []
    assert outcome.parts == 3


def test_rejects_written_by_a_killed_run_are_not_doubled(
    backfill: Backfill, monkeypatch: pytest.MonkeyPatch
) -> None:
    backfill.write(track(1, userId=[]), track(2))

    def die(*_: object) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as patched:
        patched.setattr("cli.backfill.state_file.StateFile.replace", die)
        assert backfill.run().exit_code == 130
    assert len(backfill.rejects()) == 1
    assert backfill.run().exit_code == 1
    assert len(backfill.rejects()) == 1


def test_full_requests_leave_while_there_is_more(
    backfill: Backfill, account: Account, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(running, "EVENTS_A_ROUND", 2_000)
    backfill.write(*(order(n, products=6) for n in range(1_000)))
    assert backfill.report()[0] == 0
    sizes = [each.items for each in account.requests if each.endpoint == "bulk_create_events"]
    assert sorted(sizes, reverse=True) == [1_000] * 7


def test_progress_is_shown_on_a_terminal(backfill: Backfill) -> None:
    backfill.write(*(track(n) for n in range(5)))
    status, shown = on_a_terminal(*backfill.arguments(), **backfill.variables)
    assert (status, "100%" in shown, "5 messages" in shown) == (0, True, True)


def test_progress_is_not_in_the_way_of_a_pipe(backfill: Backfill) -> None:
    backfill.write(track())
    assert backfill.run().stderr == ""


def test_full_disk_is_told_and_nothing_is_lost(
    backfill: Backfill, account: Account, monkeypatch: pytest.MonkeyPatch
) -> None:
    backfill.write(*(track(n) for n in range(5)))

    def full(*_: object) -> None:
        raise sqlite3.OperationalError("database or disk is full")

    with monkeypatch.context() as patched:
        patched.setattr("cli.backfill.state_file.StateFile.remove", full)
        result = backfill.run()
    assert result.exit_code == 3
    assert "database or disk is full" in result.stderr
    assert backfill.report()[0] == 0
    assert account.events_recorded == 5


# What a folder holds beside the archive


def test_file_that_is_no_archive_is_left_out_and_named(
    backfill: Backfill, account: Account
) -> None:
    backfill.write(track(1))
    (backfill.folder / "README.txt").write_text("Exported by Segment.\nKeep it.\n")
    (backfill.folder / "table.parquet").write_bytes(b"PAR1\x00\x01")
    (backfill.folder / "0.gz").write_bytes(gzip.compress(b"no JSON"))
    (backfill.folder / "old.rejects.jsonl").write_text('{"reason": {}, "message": {}}\n')
    status, report = backfill.report()
    names = ("0.gz", "README.txt", "table.parquet")
    assert (status, report["messages"], report["rejected"], report["skipped"]) == (
        0,
        1,
        {},
        [str(backfill.folder / name) for name in names],
    )
    assert ids(account) == ["track-1"]
    assert f"3 files without JSON left out: {backfill.folder}" in backfill.run().stdout


def test_file_that_is_named_is_read_whatever_it_holds(backfill: Backfill) -> None:
    file = backfill.folder / "README.txt"
    file.write_text("Exported by Segment.\n")
    result = call("backfill", "--json", "--dry-run", file)
    assert (result.exit_code, json.loads(result.stdout)["rejected"]) == (1, {"unreadable": 1})


def test_broken_first_line_makes_no_other_file_of_an_archive(backfill: Backfill) -> None:
    backfill.write("oops", track(1))
    status, report = backfill.report()
    assert (status, report["messages"], report["skipped"]) == (1, 2, [])


# Operations that a queue has held

TIMED = event(1, time="2026-11-01T00:00:00+00:00")


@pytest.mark.parametrize(
    ("operation", "options", "left_out", "delivered"),
    [
        (TIMED, (), {}, {"create_event": 1}),
        (TIMED, ("--only", "identify"), {"not_only": 1}, {}),
        (TIMED, ("--since", "2027-01-01"), {"before_since": 1}, {}),
        (Subscribe("m", "a@shop.example", "Y6nRLr"), (), {"list_step": 1}, {}),
        (
            Subscribe("m", "a@shop.example", "Y6nRLr"),
            ("--with-lists",),
            {},
            {"subscribe": 1},
        ),
        (Subscribe("m", "a@shop.example", None, is_consent=True), (), {"consent": 1}, {}),
        (DeleteProfile("m", Identity(email="a@shop.example")), (), {"deletion": 1}, {}),
        (CheckImport("m", "job"), (), {"import_check": 1}, {}),
    ],
)
def test_operation_is_under_the_same_rules_as_a_message(
    operation: Operation,
    options: tuple[str, ...],
    left_out: dict[str, int],
    delivered: dict[str, int],
    backfill: Backfill,
) -> None:
    backfill.write({"operation": to_json(operation), "reason": {"code": "refused"}})
    _, report = backfill.report(*options)
    assert (report["left_out"], report["delivered"]) == (left_out, delivered)


def test_operation_without_a_time_is_kept_as_a_reject(backfill: Backfill) -> None:
    operation = to_json(replace(TIMED, time=None))
    backfill.write({"operation": operation, "reason": {"code": "refused"}})
    assert backfill.report()[1]["rejected"] == {"missing_time": 1}
    assert [each["operation"] for each in backfill.rejects()] == [operation]


@pytest.fixture
def said(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The lines of progress as they are written, without a terminal."""
    written: list[str] = []
    monkeypatch.setattr("cli.terminal.note", written.append)
    return written


def test_delivery_that_takes_long_says_once_what_it_waits_for(
    said: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(reporting, "SILENT_SECONDS", 0.05)
    sending = running.BackfillProgress(Counts(), "sending 40 events", delivered=0)
    with reporting.progress_shown((), Counts()) as show:
        for _ in range(3):
            show(sending)
            time.sleep(0.2)
    assert said == ["Sending 40 events: waiting for Klaviyo …"]


def test_delivery_that_ends_soon_says_nothing(
    said: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(reporting, "SILENT_SECONDS", 0.2)
    sending = running.BackfillProgress(Counts(), "sending 40 events", delivered=0)
    with reporting.progress_shown((), Counts()) as show:
        show(sending)
        show(replace_fields(sending, doing="", delivered=40))
        time.sleep(0.4)
        show(sending)
    time.sleep(0.4)
    assert said == []


@pytest.mark.parametrize(
    ("first", "then", "line"),
    [
        (
            running.BackfillProgress(Counts(messages=3_000), delivered=1_000, waiting=2_000),
            running.BackfillProgress(
                Counts(messages=3_000), done=0.5, delivered=1_500, waiting=1_500
            ),
            "1,500 of about 3,000 messages done: 1,500 operations delivered (50/s), 1,500 wait.",
        ),
        (
            running.BackfillProgress(Counts(messages=500)),
            running.BackfillProgress(Counts(messages=1_000)),
            "1,000 of about 1,000 messages, 100/s",
        ),
    ],
    ids=["deliveries of this run", "messages of a dry run"],
)
def test_rate_is_that_of(
    first: running.BackfillProgress,
    then: running.BackfillProgress,
    line: str,
    said: list[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    seconds = 1_000.0
    clock = SimpleNamespace(monotonic=lambda: seconds)
    monkeypatch.setattr("cli.backfill.reporting.time", clock)
    monkeypatch.setattr(reporting, "NOTE_SECONDS", 10.0)
    with reporting.progress_shown((), Counts()) as show:
        show(first)
        seconds += 10.0
        show(then)
    assert said == [line]


@pytest.mark.parametrize(
    ("counts", "done", "size", "messages"),
    [
        (Counts(), 1.0, 1000, (0, 0)),
        (Counts(messages=100, bytes_done=250), 1.0, 1000, (100, 400)),
        (Counts(messages=100, bytes_done=250), 0.5, 1000, (50, 400)),
        (Counts(messages=400, bytes_done=1000), 0.25, 1000, (100, 400)),
        (Counts(messages=3), 1.0, 0, (3, 3)),
    ],
)
def test_progress_counts_messages(
    counts: Counts, done: float, size: int, messages: tuple[int, int]
) -> None:
    assert running.BackfillProgress(counts, done=done).messages(size) == messages

"""Lists by name, and who joins and leaves them: the client against the stand-in over HTTP."""

import threading
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest
from msgspec.structs import replace

from klaviyo_client.api.answers import Answer
from klaviyo_client.api.outcomes import Delivered, Outcome, Refused, Retryable, RetryReason
from klaviyo_client.delivery import Klaviyo
from klaviyo_client.recovery.list_answers import MOST_PAGES
from klaviyo_client.sending.transport import HttpTransport
from local.klaviyo_stand_in import Account, Limit, Weather, serve
from operations import (
    AddToList,
    Identity,
    Operation,
    RemoveFromList,
    Subscribe,
    Unsubscribe,
    from_json,
    to_json,
)
from tests.klaviyo_client.fakes import (
    Sent,
    answer,
    deliver,
    error,
    kinds,
    klaviyo_accepts,
    refusal,
    scripted,
    upsert,
)

NUMBER = "+14155552671"


@pytest.fixture(autouse=True)
def every_request_was_right(account: Account) -> Iterator[None]:
    """No request of ours was against Klaviyo's schema."""
    yield
    bad = {
        (record.endpoint, record.status)
        for record in account.requests
        if record.status in (400, 405, 413, 414, 415, 501)
    }
    assert bad <= {("create_list", 400)}


def email(n: int) -> str:
    return f"p{n}@shop.example"


def enters(n: int, name: str | None = "vip", list_id: str | None = None, **more: Any) -> AddToList:
    return AddToList(f"m{n}", Identity(email(n)), list_id, list_name=name, **more)


def exits(
    n: int, name: str | None = "vip", list_id: str | None = None, **more: Any
) -> RemoveFromList:
    return RemoveFromList(f"m{n}", Identity(email(n)), list_id, list_name=name, **more)


def members(account: Account, list_id: str = "L1") -> set[str | None]:
    """The addresses of those on the list."""
    found = (account.profiles.get(each) for each in account.lists[list_id].members)
    return {profile.email for profile in found if profile is not None}


def named(account: Account, name: str = "vip") -> list[str]:
    """The ids of the lists of this name."""
    return [each.id for each in account.lists.values() if each.name == name]


def requests(account: Account) -> Counter[str]:
    """How often each endpoint was called."""
    return Counter(record.endpoint for record in account.requests)


def outcomes(klaviyo: Klaviyo, *operations: Operation) -> list[Outcome]:
    return [result.outcome for result in deliver(klaviyo, *operations).results]


# Lists by name


def test_a_list_is_found_by_its_name(klaviyo: Klaviyo, account: Account) -> None:
    account.add_list("VIP", "vip")
    account.add_list("OTHER", "vip2")
    delivery = deliver(klaviyo, enters(0))
    assert kinds(delivery) == {"Delivered": 1}
    assert members(account, "VIP") == {email(0)}
    assert requests(account)["create_list"] == 0


def test_a_list_that_there_is_not_is_created(klaviyo: Klaviyo, account: Account) -> None:
    assert kinds(deliver(klaviyo, *(enters(n) for n in range(10)))) == {"Delivered": 10}
    [list_id] = named(account)
    assert members(account, list_id) == {email(n) for n in range(10)}


@pytest.mark.parametrize("process", ["single_opt_in", "double_opt_in"])
def test_a_list_is_created_with_the_opt_in_process_of_its_steps(
    klaviyo: Klaviyo, account: Account, process: str
) -> None:
    first, second = enters(0), replace(enters(1), opt_in_process=process)
    assert kinds(deliver(klaviyo, first, second)) == {"Delivered": 2}
    [list_id] = named(account)
    assert account.lists[list_id].opt_in_process == process


def test_without_an_opt_in_process_a_list_gets_the_accounts(
    klaviyo: Klaviyo, account: Account
) -> None:
    deliver(klaviyo, enters(0))
    [list_id] = named(account)
    assert account.lists[list_id].opt_in_process == "double_opt_in"


def test_names_are_asked_for_once_in_the_life_of_a_process(
    klaviyo: Klaviyo, account: Account
) -> None:
    """A list that this process has created is looked up a second time, to be certain."""
    account.add_list("VIP", "vip")
    for n in range(4):
        deliver(klaviyo, enters(n), enters(n, "new"))
    assert requests(account)["get_lists"] == 3
    assert requests(account)["create_list"] == 1


NAMES = [
    'say "hi"',
    "back\\slash",
    "a,b],[c",
    "R&D + friends = 100 %",
    "Käufer 🛒",
    "it's (mine)",
    " blanks ",
    "equals(name,'x')",
]


def test_names_are_escaped(klaviyo: Klaviyo, account: Account) -> None:
    for n, name in enumerate(NAMES):
        account.add_list(f"N{n}", name)
    delivery = deliver(klaviyo, *(enters(n, name) for n, name in enumerate(NAMES)))
    assert kinds(delivery) == {"Delivered": len(NAMES)}
    assert [members(account, f"N{n}") for n in range(len(NAMES))] == [
        {email(n)} for n in range(len(NAMES))
    ]
    assert requests(account)["create_list"] == 0


def test_all_pages_of_lists_are_read(klaviyo: Klaviyo, account: Account) -> None:
    """Of lists of one name, everybody takes the one that was created first."""
    for n in range(25):
        account.add_list(f"TWIN{n:02}", "vip")
    account.add_list("LAST", "other")
    deliver(klaviyo, enters(0), enters(1, "other"))
    assert (members(account, "TWIN00"), members(account, "LAST")) == ({email(0)}, {email(1)})
    assert requests(account)["get_lists"] == 3


def test_a_link_to_another_host_never_gets_the_key() -> None:
    def script(request: Sent) -> Answer:
        path, _, query = request.path.partition("?")
        if path == "/api/lists" and "cursor" not in query:
            link = "https://evil.example/api/lists?page%5Bcursor%5D=2"
            return answer(200, {"data": [], "links": {"next": link}})
        if path == "/api/lists":
            found = {"type": "list", "id": "VIP", "attributes": {"name": "vip"}}
            return answer(200, {"data": [found], "links": {"next": None}})
        return klaviyo_accepts(request)

    klaviyo, transport = scripted(script)
    assert kinds(deliver(klaviyo, enters(0))) == {"Delivered": 1}
    assert transport.paths[1] == "/api/lists?page%5Bcursor%5D=2"


def test_pages_that_go_in_circles_come_to_an_end() -> None:
    def script(request: Sent) -> Answer:
        turn = "1" if "=2" in request.path else "2"
        return answer(200, {"data": [], "links": {"next": f"https://k/?page%5Bcursor%5D={turn}"}})

    klaviyo, transport = scripted(script)
    assert outcomes(klaviyo, enters(0)) == [Retryable(RetryReason.UNAVAILABLE)]
    assert len(transport.sent) == MOST_PAGES + 1


def test_whoever_leaves_a_list_that_there_is_not_creates_none(
    klaviyo: Klaviyo, account: Account
) -> None:
    assert outcomes(klaviyo, exits(0)) == [Delivered()]
    assert named(account) == []


def test_a_list_that_cannot_be_looked_up_delays_its_steps_alone(
    klaviyo: Klaviyo, account: Account
) -> None:
    account.set_weather(Weather(endpoints=frozenset({"get_lists"}), status=403))
    found = outcomes(klaviyo, upsert(0), enters(0), enters(1, None, "L1"))
    assert [type(each) for each in found] == [Delivered, Retryable, Delivered]
    assert found[1] == Retryable(RetryReason.FORBIDDEN, None, 403)


def test_beyond_150_lists_a_day_steps_wait(url: str, account: Account) -> None:
    limited = Account(limits={"create_list": Limit(10, 150, 1)})
    with serve(limited) as address:
        klaviyo = Klaviyo(address)
        first = outcomes(klaviyo, enters(0, "one"))
        second = outcomes(klaviyo, enters(1, "two"), enters(2, "one"))
    assert first == [Delivered()]
    [waits, goes] = second
    assert goes == Delivered()
    assert isinstance(waits, Retryable)
    assert (waits.reason, waits.status) == (RetryReason.THROTTLED, 429)
    assert waits.delay == 3600.0


def test_a_name_that_klaviyo_refuses_is_refused(klaviyo: Klaviyo) -> None:
    [found] = outcomes(klaviyo, enters(0, " "))
    assert isinstance(found, Refused)
    assert (found.status, found.pointer) == (400, "/data/attributes/name")


def test_a_step_without_any_list_cannot_be_sent(klaviyo: Klaviyo) -> None:
    found = outcomes(klaviyo, enters(0, None), exits(1, None), enters(2))
    assert [type(each) for each in found] == [Refused, Refused, Delivered]


def test_a_list_that_somebody_else_has_just_created_is_used() -> None:
    """Should Klaviyo keep names apart, only one of two functions gets to create it."""
    created = False

    def script(request: Sent) -> Answer:
        nonlocal created
        if request.path == "/api/lists":
            created = True
            return refusal(409, error("/data/attributes/name", "The name is taken."))
        if request.path.startswith("/api/lists?"):
            found = {"type": "list", "id": "VIP", "attributes": {"name": "vip"}}
            return answer(200, {"data": [found] if created else []})
        return klaviyo_accepts(request)

    klaviyo, transport = scripted(script)
    assert outcomes(klaviyo, enters(0)) == [Delivered()]
    assert transport.paths[-1] == "/api/lists/VIP/relationships/profiles"


def test_blanks_around_a_name_make_no_second_list() -> None:
    def script(request: Sent) -> Answer:
        if request.path.startswith("/api/lists?"):
            found = {"type": "list", "id": "VIP", "attributes": {"name": "vip"}}
            return answer(200, {"data": [found]})
        return klaviyo_accepts(request)

    klaviyo, transport = scripted(script)
    assert outcomes(klaviyo, enters(0, " vip ")) == [Delivered()]
    assert parse_qs(urlsplit(transport.paths[0]).query)["filter"] == ['any(name,[" vip ","vip"])']


class Gated(HttpTransport):
    """Two clients' transport: nobody creates a list before both have looked for it."""

    def __init__(self, url: str, barrier: threading.Barrier) -> None:
        super().__init__(url, 4)
        self._barrier = barrier

    def send(self, method: str, path: str, *rest: Any, **more: Any) -> Answer | Retryable:
        if (method, path) == ("POST", "/api/lists"):
            self._barrier.wait(10)
        return super().send(method, path, *rest, **more)


def test_two_functions_that_create_at_the_same_moment_end_with_one_list(
    url: str, account: Account
) -> None:
    barrier = threading.Barrier(2)
    clients = [Klaviyo(url, transport=Gated(url, barrier)) for _ in range(2)]
    workers = [
        threading.Thread(target=deliver, args=(client, enters(n)))
        for n, client in enumerate(clients)
    ]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join()
    assert len(named(account)) == 2
    barrier.reset()
    for n, client in enumerate(clients, start=2):
        assert kinds(deliver(client, enters(n))) == {"Delivered": 1}
    used = [list_id for list_id in named(account) if account.lists[list_id].members]
    first = min(named(account), key=lambda list_id: account.lists[list_id].created)
    assert used == [first]
    assert members(account, first) == {email(n) for n in range(4)}
    assert len(named(account)) == 2


def test_the_list_that_was_created_first_stands_for_both(url: str, account: Account) -> None:
    """One looks and creates after the other has looked and before it has created."""
    ahead = Klaviyo(url)

    class Overtaken(HttpTransport):
        def send(self, method: str, path: str, *rest: Any, **more: Any) -> Answer | Retryable:
            if (method, path) == ("POST", "/api/lists"):
                assert kinds(deliver(ahead, enters(0))) == {"Delivered": 1}
            return super().send(method, path, *rest, **more)

    assert kinds(deliver(Klaviyo(url, transport=Overtaken(url, 4)), enters(1))) == {"Delivered": 1}
    first, second = sorted(named(account), key=lambda list_id: account.lists[list_id].created)
    assert members(account, first) == {email(0), email(1)}
    assert members(account, second) == set()


def test_a_list_whose_creation_got_no_answer_is_not_created_twice(
    klaviyo: Klaviyo, account: Account
) -> None:
    account.set_weather(Weather(endpoints=frozenset({"create_list"}), cut="after", times=1))
    first = deliver(klaviyo, enters(0))
    assert kinds(first) == {"connection_failed": 1}
    assert kinds(deliver(klaviyo, first.results[0].operation)) == {"Delivered": 1}
    assert len(named(account)) == 1


@pytest.mark.parametrize("number", [1, 20])
def test_a_known_list_that_is_no_more_is_found_or_created_anew(
    url: str, account: Account, number: int
) -> None:
    account.add_list("OLD", "vip")
    klaviyo = Klaviyo(url)
    deliver(klaviyo, enters(0))
    account.delete_list("OLD")
    assert kinds(deliver(klaviyo, *(enters(n) for n in range(number)))) == {"Delivered": number}
    [list_id] = named(account)
    assert members(account, list_id) == {email(n) for n in range(number)}


def test_a_queued_step_on_a_list_that_is_no_more_goes_by_its_name(
    klaviyo: Klaviyo, account: Account
) -> None:
    account.add_list("VIP", "vip")
    assert outcomes(klaviyo, enters(0, list_id="GONE")) == [Delivered()]
    assert members(account, "VIP") == {email(0)}


def test_a_list_that_stays_missing_refuses_its_steps(klaviyo: Klaviyo) -> None:
    [found] = outcomes(klaviyo, enters(0, None, "NONE"))
    assert isinstance(found, Refused)
    assert found.status == 404


# Leaving


ADDRESSES = [
    "plus+tag@shop.example",
    "amp&ersand@shop.example",
    "quote'd@shop.example",
    "per%cent@shop.example",
    "UPPER@Shop.Example",
    "hash#tag@shop.example",
    "equals=sign@shop.example",
    "tick`{brace}@shop.example",
]

USERS = ['say "hi"', "back\\slash", "a,b],[c", "R&D + 100 %", "Käufer 🛒", "it's (mine)"]


def test_members_are_found_whatever_their_address(klaviyo: Klaviyo, account: Account) -> None:
    people = [Identity(address) for address in ADDRESSES]
    people += [Identity(external_id=user) for user in USERS]
    people += [Identity(phone_number=NUMBER), Identity(kx="kx+/=")]
    deliver(klaviyo, *(AddToList("m", each, "L1") for each in people))
    assert len(account.lists["L1"].members) == len(people)
    leaving = [RemoveFromList("m", each, "L1") for each in people]
    assert kinds(deliver(klaviyo, *leaving)) == {"Delivered": len(people)}
    assert account.lists["L1"].members == set()
    assert requests(account)["get_profiles"] == 4
    assert requests(account)["remove_profiles_from_list"] == 1


def test_an_address_in_another_case_is_the_same_address(klaviyo: Klaviyo, account: Account) -> None:
    deliver(klaviyo, AddToList("m", Identity("Ann@Shop.Example"), "L1"))
    deliver(klaviyo, RemoveFromList("m", Identity("aNN@shop.example"), "L1"))
    assert account.lists["L1"].members == set()


def test_who_is_found_by_a_second_address_leaves_too(klaviyo: Klaviyo, account: Account) -> None:
    deliver(klaviyo, *(enters(n, None, "L1") for n in range(5)))
    second_address = {"patch_identifiers": {"append": {"email": "second@shop.example"}}}
    account.profiles.upsert(
        {"attributes": {"email": email(2)}, "meta": second_address}, account.now
    )
    leaving = [exits(n, None, "L1") for n in (0, 1)]
    second = RemoveFromList("m", Identity("second@shop.example"), "L1")
    unknown = RemoveFromList("m", Identity("nobody@shop.example"), "L1")
    assert outcomes(klaviyo, *leaving, second, unknown) == [Delivered()] * 4
    assert members(account) == {email(3), email(4)}


def test_whoever_is_unknown_by_one_identifier_is_looked_up_by_the_next(
    klaviyo: Klaviyo, account: Account
) -> None:
    deliver(klaviyo, AddToList("m", Identity(external_id="7"), "L1"))
    moved = RemoveFromList("m", Identity("new@shop.example", "7"), "L1")
    assert outcomes(klaviyo, moved) == [Delivered()]
    assert account.lists["L1"].members == set()


def test_whoever_is_not_found_has_nothing_to_leave(klaviyo: Klaviyo, account: Account) -> None:
    steps = [
        exits(0, None, "L1"),
        exits(1, None, "NONE"),
        RemoveFromList("m", Identity(external_id="7", phone_number=NUMBER, kx="k"), "L1"),
    ]
    assert outcomes(klaviyo, *steps) == [Delivered()] * 3
    assert requests(account)["remove_profiles_from_list"] == 0


def test_a_list_that_is_no_more_has_no_members(klaviyo: Klaviyo) -> None:
    deliver(klaviyo, upsert(0))
    assert outcomes(klaviyo, exits(0, None, "NONE")) == [Delivered()]


def test_consent_stays_as_it_is(klaviyo: Klaviyo, account: Account) -> None:
    deliver(klaviyo, Subscribe("m", email(0), "L1"))
    deliver(klaviyo, exits(0, None, "L1"))
    [profile] = account.profiles
    assert (members(account), profile.consents) == (set(), {"email.marketing": "SUBSCRIBED"})


@pytest.mark.parametrize("kind", [AddToList, RemoveFromList])
def test_a_profile_id_that_leads_nowhere_is_looked_up_anew(
    klaviyo: Klaviyo, account: Account, kind: type[AddToList] | type[RemoveFromList]
) -> None:
    deliver(klaviyo, *(enters(n, None, "L1") for n in range(3)))
    stale = kind("m", Identity(email(0)), "L1", "01GONE")
    other = enters(3, None, "L1") if kind is AddToList else exits(1, None, "L1")
    assert outcomes(klaviyo, stale, other) == [Delivered()] * 2
    assert (email(0) in members(account)) == (kind is AddToList)


def test_steps_wait_in_a_queue_as_json(klaviyo: Klaviyo, account: Account) -> None:
    deliver(klaviyo, *(enters(n, None, "L1") for n in range(3)))
    account.set_weather(Weather(endpoints=frozenset({"remove_profiles_from_list"}), down=True))
    first = deliver(klaviyo, exits(0, "Newsletter"), exits(1, "Newsletter"))
    assert kinds(first) == {"unavailable": 2}
    account.set_weather()
    kept = [from_json(to_json(result.operation)) for result in first.results]
    looked_up = requests(account)["get_profiles"]
    assert kinds(deliver(klaviyo, *kept)) == {"Delivered": 2}
    assert members(account) == {email(2)}
    assert requests(account)["get_profiles"] == looked_up


# The fewest requests


def test_a_first_sync_of_10000_takes_3_requests_and_its_end_220_at_most() -> None:
    account = Account()
    account.add_list("L1", "vip")
    batches = [range(3400), range(3400, 6800), range(6800, 10_000)]
    with serve(account) as url:
        klaviyo = Klaviyo(url)
        for batch in batches:
            assert kinds(deliver(klaviyo, *(enters(n, None, "L1") for n in batch))) == {
                "Delivered": len(batch)
            }
        assert requests(account) == {"bulk_import_profiles": 3}
        assert len(account.lists["L1"].members) == 10_000
        before = len(account.requests)
        for batch in batches:
            assert kinds(deliver(klaviyo, *(exits(n, None, "L1") for n in batch))) == {
                "Delivered": len(batch)
            }
    assert account.lists["L1"].members == set()
    assert len(account.requests) - before <= 220
    assert {record.status for record in account.requests} <= {200, 202, 204}


def test_within_published_limits_nothing_is_refused_and_what_has_no_room_waits() -> None:
    account = Account(limits="published")
    account.add_list("L1", "vip")
    with serve(account) as url:
        klaviyo = Klaviyo(url)
        everybody: Sequence[Operation] = [enters(n, None, "L1") for n in range(9000)]
        assert kinds(deliver(klaviyo, *everybody)) == {"Delivered": 9000}
        found = kinds(deliver(klaviyo, *(exits(n, None, "L1") for n in range(9000)), seconds=30))
    assert found == {"Delivered": 9000}
    assert 429 not in {record.status for record in account.requests}


def test_queries_stay_below_the_length_that_servers_take() -> None:
    paths: list[str] = []

    def script(request: Sent) -> Answer:
        paths.append(request.path)
        return answer(200, {"data": []})

    klaviyo, _ = scripted(script)
    people = [Identity(f"{'ü' * 60}{n}@shop.example") for n in range(100)]
    deliver(klaviyo, *(RemoveFromList("m", each, "L1") for each in people))
    assert max(map(len, paths)) <= 8000
    asked = [parse_qs(urlsplit(path).query)["filter"][0] for path in paths]
    assert sum(text.count("@") for text in asked) == 100


def test_a_lookup_asks_for_no_more_than_it_needs() -> None:
    klaviyo, transport = scripted(lambda _: answer(200, {"data": []}))
    deliver(klaviyo, exits(0, None, "L1"), exits(1))
    assert [parse_qs(urlsplit(path).query) for path in transport.paths] == [
        {"filter": ['any(name,["vip"])'], "fields[list]": ["created,name"], "page[size]": ["10"]},
        {
            "filter": [f'any(email,["{email(0)}"])'],
            "fields[profile]": ["email"],
            "page[size]": ["100"],
        },
    ]


def test_an_address_with_capitals_is_asked_for_in_small_letters_too() -> None:
    klaviyo, transport = scripted(lambda _: answer(200, {"data": []}))
    steps = [Identity("Ann@Shop.Example"), Identity("bob@shop.example")]
    deliver(klaviyo, *(RemoveFromList("m", each, "L1") for each in steps))
    [path] = transport.paths
    assert parse_qs(urlsplit(path).query)["filter"] == [
        'any(email,["Ann@Shop.Example","ann@shop.example","bob@shop.example"])'
    ]


def test_a_lookup_that_klaviyo_refuses_is_halved_until_the_culprit_is_alone() -> None:
    def script(request: Sent) -> Answer:
        if "bad" in request.path:
            return refusal(400, {**error(), "source": {"parameter": "filter"}})
        if request.method == "GET":
            asked = parse_qs(urlsplit(request.path).query)["filter"][0]
            rows = [
                {"type": "profile", "id": f"ID-{n}", "attributes": {"email": email(n)}}
                for n in range(8)
                if f'"{email(n)}"' in asked
            ]
            return answer(200, {"data": rows})
        return answer(204)

    klaviyo, transport = scripted(script)
    bad = RemoveFromList("m", Identity("bad@shop.example"), "L1")
    found = outcomes(klaviyo, *(exits(n, None, "L1") for n in range(8)), bad)
    assert type(found.pop()) is Refused
    assert found == [Delivered()] * 8
    assert len(transport.sent) <= 12


def test_all_pages_of_profiles_are_read() -> None:
    def rows(*numbers: int) -> list[dict[str, Any]]:
        return [
            {"type": "profile", "id": f"ID-{n}", "attributes": {"email": email(n)}} for n in numbers
        ]

    def script(request: Sent) -> Answer:
        if request.method != "GET":
            return answer(204)
        if "cursor" in request.path:
            return answer(200, {"data": rows(2)})
        following = "https://evil.example/api/profiles?page%5Bcursor%5D=2"
        return answer(200, {"data": rows(0, 1), "links": {"next": following}})

    klaviyo, transport = scripted(script)
    assert outcomes(klaviyo, *(exits(n, None, "L1") for n in range(4))) == [Delivered()] * 4
    assert transport.paths[1] == "/api/profiles?page%5Bcursor%5D=2"
    assert transport.sent[-1].body["data"] == [
        {"type": "profile", "id": f"ID-{n}"} for n in range(3)
    ]


def test_pages_of_profiles_that_go_in_circles_come_to_an_end() -> None:
    def script(request: Sent) -> Answer:
        turn = "1" if "=2" in request.path else "2"
        return answer(200, {"data": [], "links": {"next": f"https://k/?page%5Bcursor%5D={turn}"}})

    klaviyo, transport = scripted(script)
    assert outcomes(klaviyo, exits(0, None, "L1")) == [Retryable(RetryReason.UNAVAILABLE)]
    assert len(transport.sent) <= 30


def test_where_klaviyo_does_not_take_an_identifier_the_next_one_serves() -> None:
    def script(request: Sent) -> Answer:
        if "email" in request.path:
            return refusal(400, {**error(), "source": {"parameter": "filter"}})
        if request.method == "GET":
            found = {"type": "profile", "id": "P7", "attributes": {"external_id": "7"}}
            return answer(200, {"data": [found]})
        return answer(204)

    klaviyo, transport = scripted(script)
    step = RemoveFromList("m", Identity("odd@shop.example", "7"), "L1")
    assert outcomes(klaviyo, step) == [Delivered()]
    assert transport.sent[-1].body == {"data": [{"type": "profile", "id": "P7"}]}


@pytest.mark.parametrize("document", [None, {}, {"data": {"type": "list"}}])
def test_a_creation_that_names_no_list_comes_again(document: Any) -> None:
    klaviyo, _ = scripted(
        lambda request: (
            answer(200, {"data": []}) if request.method == "GET" else answer(201, document)
        )
    )
    expected = Retryable(RetryReason.UNEXPECTED_ANSWER, status=201)
    assert outcomes(klaviyo, enters(0)) == [expected]


# Order


@pytest.mark.parametrize("number", [1, 30])
@pytest.mark.parametrize(
    ("steps", "stays"),
    [
        pytest.param([enters, exits], False, id="in, out"),
        pytest.param([exits, enters], True, id="out, in"),
        pytest.param([enters, exits, enters], True, id="in, out, in"),
        pytest.param([exits, enters, exits], False, id="out, in, out"),
    ],
)
@pytest.mark.parametrize("was_there", [True, False])
def test_enter_and_exit_in_one_batch_end_as_the_later_one_says(
    klaviyo: Klaviyo,
    account: Account,
    steps: list[Callable[..., Operation]],
    stays: bool,
    was_there: bool,
    number: int,
) -> None:
    if was_there:
        deliver(klaviyo, *(enters(n, None, "L1") for n in range(number)))
    batch = [step(n, None, "L1") for step in steps for n in range(number)]
    assert kinds(deliver(klaviyo, *batch)) == {"Delivered": len(batch)}
    assert members(account) == ({email(n) for n in range(number)} if stays else set())


@pytest.mark.parametrize("stays", [True, False])
def test_the_later_step_is_the_one_that_was_sent_later(
    klaviyo: Klaviyo, account: Account, stays: bool
) -> None:
    early, late = "2026-07-15T10:00:00Z", "2026-07-15T10:00:01Z"
    deliver(klaviyo, enters(0, None, "L1"))
    entry = enters(0, None, "L1", time=late if stays else early)
    leave = exits(0, None, "L1", time=early if stays else late)
    batches: list[list[Operation]] = [[entry, leave], [leave, entry]]
    for batch in batches:
        assert kinds(deliver(klaviyo, *batch)) == {"Delivered": 2}
        assert members(account) == ({email(0)} if stays else set())


def test_a_name_and_an_id_of_one_list_are_one_list(klaviyo: Klaviyo, account: Account) -> None:
    assert outcomes(klaviyo, enters(0, "Newsletter"), exits(0, None, "L1")) == [Delivered()] * 2
    assert members(account) == set()


def test_other_lists_and_other_people_are_left_alone(klaviyo: Klaviyo, account: Account) -> None:
    account.add_list("L2", "Offers")
    deliver(klaviyo, enters(0, None, "L1"), enters(0, None, "L2"), enters(1, None, "L1"))
    deliver(klaviyo, exits(0, None, "L1"), enters(2, None, "L1"), exits(2, None, "L2"))
    assert (members(account), members(account, "L2")) == ({email(1), email(2)}, {email(0)})


def test_a_step_waits_for_the_upsert_of_its_person(klaviyo: Klaviyo, account: Account) -> None:
    account.set_weather(Weather(endpoints=frozenset({"create_or_update_profile"}), throttle=9))
    deliver(klaviyo, *(enters(n, None, "L1") for n in range(10)))
    found = outcomes(klaviyo, upsert(0), exits(0, None, "L1"), exits(1, None, "L1"))
    waits = Retryable(RetryReason.WAITS_FOR_PROFILE, 9.0, 429)
    assert found == [Retryable(RetryReason.THROTTLED, 9.0, 429), waits, Delivered()]


def test_an_exit_waits_for_an_entry_that_waits_in_the_queue(url: str, account: Account) -> None:
    klaviyo = Klaviyo(url, remember_seconds=60.0)
    account.set_weather(Weather(endpoints=frozenset({"add_profiles_to_list"}), down=True, times=1))
    [entry] = deliver(klaviyo, enters(0, None, "L1")).results
    [leave] = deliver(klaviyo, exits(0, None, "L1")).results
    assert isinstance(entry.outcome, Retryable)
    assert isinstance(leave.outcome, Retryable)
    assert leave.outcome.reason is RetryReason.WAITS_FOR_PROFILE
    later = outcomes(Klaviyo(url), entry.operation, leave.operation)
    assert later == [Delivered()] * 2
    assert members(account) == set()


def test_subscribing_and_leaving_keep_their_order(
    url: str, klaviyo: Klaviyo, account: Account
) -> None:
    joins = [Subscribe("m", email(n), "L1", is_consent=True) for n in range(8)]
    delivery = deliver(klaviyo, *joins, *(exits(n, None, "L1") for n in range(4)))
    assert kinds(delivery) == {"Delivered": 8, "waits_for_profile": 4}
    deliver(klaviyo, *(result.operation for result in delivery.results[8:]))
    assert members(account) == {email(n) for n in range(4, 8)}
    leaves = [Unsubscribe("m", email(n), "L1") for n in range(4, 8)]
    deliver(Klaviyo(url), *leaves, *(enters(n, None, "L1") for n in range(4, 6)))
    assert members(account) == {email(4), email(5)}

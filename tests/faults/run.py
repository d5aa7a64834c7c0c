"""A fault run: seeded traffic through the real functions while everything around them fails.

The functions are processes of their own, SQS is moto's server behind a proxy that breaks, Klaviyo
the stand-in in bad weather, and Segment sends again what was not taken, and now and then what was.
The traffic and every dice are seeded; only how the processes interleave is not.
"""

import heapq
import json
import math
import random
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence, Set
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from functools import partial
from pathlib import Path
from typing import IO, Any, Literal

from handler.books.carried import ITEMS_A_CALL, MOST_ITEMS
from handler.books.page import FATE_NOT_WRITTEN
from local.aws_stand_in import server as aws
from local.aws_stand_in.function import FunctionError, LambdaFunction
from local.aws_stand_in.limits import ProcessLimits
from local.aws_stand_in.poller import Poller
from local.aws_stand_in.template import function as facts_of
from local.klaviyo_stand_in.records.consents import Reversal
from tests.deployment import Deployment
from tests.faults.account import books, fates, ledger
from tests.faults.account.ledger import Held, Klaviyo
from tests.faults.failing.climate import CALM, CLIMATE
from tests.faults.failing.proxy import FlakyProxy
from tests.faults.failing.table_weather import TableWeather
from tests.faults.functions import ONCE_SECONDS
from tests.faults.messages import changes
from tests.faults.messages.traffic import APART, LARGE, Sizes, cut, traffic
from tests.faults.messages.units import Unit
from tests.handler.calls import call

WEBHOOKS = 2
RETRIES = 2
"""Of the retry function at once: the template's `MaximumConcurrency`."""

FUNCTIONS = {"webhook": "WebhookFunction", "retry": "RetryFunction"}

SETTINGS = {
    "CONSENT_EVENTS": "true",
    "AUDIENCE_LISTS": json.dumps({changes.AUDIENCE: changes.AUDIENCE_LIST}),
}
"""Beside the defaults, so that consents are given and withdrawn, and audiences entered and left."""

P_AGAIN = 0.12
"""That Segment sends part of a batch again although it was, or will be, taken."""

P_LOST_ANSWER = 0.02
DRAIN_SECONDS = 240.0

THROTTLED_SECONDS = 4.0
"""Every third of these the table is throttled."""

Ledger = Literal["off", "on", "failing"]
"""Whether there is one; `failing`: throttled for a third of the time, and down for a minute."""


@dataclass(frozen=True, slots=True)
class Settings:
    """How much, how fast, and how bad it gets.

    Segment's batches are spread over `traffic_seconds`, and the weather changes after each
    `weather_seconds`. A retry batch dies with the chance `p_kill`, and is hidden for
    `visibility_seconds`; `once_seconds` (see `tests.faults.functions`) are more. Without `breaks`
    only Klaviyo fails: nothing dies, and the queue is there. With `is_timed` every answer must come
    in time.
    """

    seed: int = 1
    messages: int = 100_000
    sizes: Sizes = LARGE
    traffic_seconds: float = 75.0
    weather_seconds: float = 2.0
    visibility_seconds: int = 65
    once_seconds: float = 90.0
    breaks: bool = True
    is_timed: bool = True
    p_kill: float = 0.15
    queue_seconds: tuple[float, float] = (3.0, 6.0)
    """Between two times when the queue is out of reach."""
    ledger: Ledger = "off"
    processor_share: float | None = None
    """Of a processor, for each function; unset, what Lambda gives with the template's memory."""


@dataclass(slots=True)
class Tally:
    """What happened on the way, counted as it happened."""

    calls: Counter[str] = field(default_factory=Counter)
    answers: Counter[str] = field(default_factory=Counter)
    messages_sent: int = 0
    messages_sent_again: int = 0
    slowest_answer: float = 0.0
    batches: Counter[str] = field(default_factory=Counter)
    snapshots: list[str] = field(default_factory=list)
    weathers: Counter[str] = field(default_factory=Counter)
    table: Counter[str] = field(default_factory=Counter)


@dataclass(frozen=True, slots=True)
class Report:
    """How a run ended. The lists of places must be empty.

    `stale` are places whose last word does not stand, which may happen without a ledger. Those of
    `warned` had the warning that the order was not checked; of those of `untold` a function was
    killed while the table failed, before it could warn. `fates` are messages for which the
    ledger is wrong. `behind` are those for which it is wrong because a fate was given up, which
    was counted, and `ended` those because the process ended that carried it over. `everywhere` are
    people whose unsubscription from a list became one from everything. `widened` are consents that
    nobody has given, or that were withdrawn. `overtaken` are those that were withdrawn just as an
    older consent was about to be sent. `peak_mb` is the most memory that a function has held.
    """

    settings: Settings
    units: Sequence[Unit]
    tally: Tally
    books: Counter[str]
    warnings: Counter[str]
    lost: list[ledger.Misfit]
    stale: list[ledger.Misfit]
    warned: list[ledger.Misfit]
    untold: list[ledger.Misfit]
    fates: list[ledger.Misfit]
    behind: list[ledger.Misfit]
    ended: list[ledger.Misfit]
    everywhere: list[ledger.Misfit]
    doubled: list[ledger.Misfit]
    widened: list[ledger.Misfit]
    overtaken: list[ledger.Misfit]
    surplus: list[ledger.Misfit]
    klaviyo: Klaviyo
    dead: Held
    waiting: Held
    requests: Counter[tuple[str, int]]
    proxy: Mapping[str, int]
    peak_mb: float
    killed_for_memory: int
    seconds: float


class Run:
    """One run on a deployment whose queues nobody else uses; `logs` is a folder of its own."""

    def __init__(self, deployment: Deployment, settings: Settings, logs: Path) -> None:
        self._deployment = deployment
        self._settings = settings
        self._logs = logs
        self._dice = random.Random(settings.seed + 2)
        self._lock = threading.Lock()
        self._tally = Tally()
        # Nothing was said later than it is sent.
        span = settings.messages * APART - timedelta(seconds=settings.traffic_seconds)
        began = datetime.now(UTC) - max(span, timedelta())
        self._units = traffic(settings.seed, settings.messages, began)
        self._accepted: dict[str, Unit] = {}
        self._untold: set[str] = set()
        self._addresses = {
            message_id: address
            for unit in self._units
            for address in unit.people
            for message_id in unit.message_ids
        }
        self._due: list[tuple[float, int, list[Unit]]] = []
        self._planned = 0
        self._under_way = 0
        self._calm = threading.Event()
        self._over = threading.Event()
        self._still = Stillness()
        self._limits: list[ProcessLimits] = []
        self._function_logs: dict[LambdaFunction, IO[str]] = {}

    def carry_out(self) -> Report:
        """Send everything, wait until nothing waits, and look at what there is."""
        began = time.monotonic()
        deployment, settings = self._deployment, self._settings
        deployment.sqs.set_queue_attributes(
            QueueUrl=deployment.queues.retry_queue_url,
            Attributes={"VisibilityTimeout": str(settings.visibility_seconds)},
        )
        self._prepare_people()
        batches = list(cut(self._units, settings.sizes, random.Random(settings.seed + 1)))
        for number, batch in enumerate(batches):
            self._plan(batch, began + number * settings.traffic_seconds / len(batches))
        with ExitStack() as stack:
            proxy = FlakyProxy(
                deployment.variables["AWS_ENDPOINT_URL"],
                settings.seed + 3,
                P_LOST_ANSWER if settings.breaks else 0.0,
            )
            stack.enter_context(proxy.serve())
            variables = {
                **deployment.variables,
                **SETTINGS,
                ONCE_SECONDS: str(settings.once_seconds),
                "AWS_ENDPOINT_URL": proxy.url,
            }
            table = TableWeather(deployment.variables["AWS_ENDPOINT_URL"])
            variables.update(self._way_to_table(table, stack))

            def function(name: str, number: int) -> LambdaFunction:
                facts = facts_of(FUNCTIONS[name])
                limits = ProcessLimits(facts.memory_mb, settings.processor_share)
                self._limits.append(limits)
                # A file for each: what two processes write to one may land in one another's lines.
                log = stack.enter_context((self._logs / f"{name}-{number}.log").open("w"))
                handler = f"tests.faults.functions.{name}"
                made = LambdaFunction(
                    FUNCTIONS[name],
                    handler,
                    variables,
                    facts.timeout_seconds,
                    log,
                    allows_recursion=facts.allows_recursion,
                    limits=limits,
                )
                self._function_logs[made] = log
                return stack.enter_context(made)

            webhooks = [function("webhook", number) for number in range(WEBHOOKS)]
            retries = [function("retry", number) for number in range(RETRIES)]
            for each in (*webhooks, *retries):
                each.wait()
            for number, each in enumerate(retries):
                dice = random.Random(settings.seed + 10 + number)
                invoke = self._invoke(each, dice, table)
                stack.enter_context(Poller(deployment.queues.retry_queue_url, invoke))
            trouble = [threading.Thread(target=each) for each in self._troubles(proxy, table)]
            senders = [threading.Thread(target=self._send, args=(each,)) for each in webhooks]
            for thread in (*trouble, *senders):
                thread.start()
            try:
                self._look_on_the_way(senders)
                for thread in senders:
                    thread.join()
            finally:
                self._over.set()
                self._calm.set()
            for thread in trouble:
                thread.join()
            self._drain()
            if settings.ledger != "off":
                self._call_once_more(webhooks, retries)
        return self._report(proxy, time.monotonic() - began)

    def _way_to_table(self, table: TableWeather, stack: ExitStack) -> dict[str, str]:
        """Where the functions find the table: past the proxy, for it fails by its own weather."""
        name = "AWS_ENDPOINT_URL_DYNAMODB"
        if self._settings.ledger == "failing":
            stack.enter_context(table.serve())
            return {name: table.url}
        return {name: self._deployment.variables["AWS_ENDPOINT_URL"]}

    def _troubles(self, proxy: FlakyProxy, table: TableWeather) -> Iterator[Callable[[], None]]:
        """What goes wrong, each in a thread of its own."""
        yield self._make_weather
        if self._settings.breaks:
            yield partial(self._break_queue, proxy)
        if self._settings.ledger == "failing":
            yield partial(self._break_table, table)

    # Segment

    def _plan(self, units: list[Unit], at: float) -> None:
        """Have a batch sent at that time or later."""
        with self._lock:
            self._planned += 1
            heapq.heappush(self._due, (at, self._planned, units))

    def _next(self) -> list[Unit] | None:
        with self._lock:
            if self._due and self._due[0][0] <= time.monotonic():
                self._under_way += 1
                return heapq.heappop(self._due)[2]
            return None

    def _is_done(self) -> bool:
        with self._lock:
            return not self._due and not self._under_way

    def _send(self, webhook: LambdaFunction) -> None:
        while not self._is_done() and not self._over.is_set():
            units = self._next()
            if units is None:
                time.sleep(0.02)
                continue
            try:
                with self._lock:
                    again = self._dice.random() < P_AGAIN
                if again:  # while the first is still under way
                    self._plan_again(self._part(units), 0.0)
                with self._still.moving():
                    self._call(webhook, units)
            finally:
                with self._lock:
                    self._under_way -= 1

    def _part(self, units: list[Unit]) -> list[Unit]:
        """Part of the batch, mixed with what was taken before."""
        with self._lock:
            before = list(self._accepted.values())[-2_000:]
            part = [unit for unit in units if self._dice.random() < 0.5]
            part += self._dice.sample(before, min(len(before), len(part) // 3))
            self._dice.shuffle(part)
            self._tally.messages_sent_again += sum(len(unit.messages) for unit in part)
        return part

    def _plan_again(self, units: list[Unit], seconds: float) -> None:
        with self._lock:
            batches = list(cut(units, self._settings.sizes, self._dice))
        for batch in batches:
            self._plan(batch, time.monotonic() + seconds)

    def _call(self, webhook: LambdaFunction, units: list[Unit]) -> None:
        messages = [message for unit in units for message in unit.messages]
        lambda_event = call(messages)
        tally = self._tally
        began = time.monotonic()
        try:
            answer = webhook.invoke(lambda_event)
            status, body = answer["statusCode"], json.loads(answer["body"])
        except FunctionError:
            status, body = 502, {}
            self._note_end(webhook)
        seconds = time.monotonic() - began
        with self._lock:
            tally.slowest_answer = max(tally.slowest_answer, seconds)
            tally.messages_sent += len(messages)
            tally.calls[str(status)] += 1
            if status == 200:
                fates = ("received", "delivered", "queued", "dropped", "rejected")
                tally.answers.update({fate: body[fate] for fate in fates})
                self._accepted.update({unit.message_ids[0]: unit for unit in units})
        if status != 200:
            self._plan_again(units, 0.5)

    # Lambda and SQS

    def _invoke(
        self, function: LambdaFunction, dice: random.Random, table: TableWeather
    ) -> Callable[[Mapping[str, Any]], Any]:
        """The retry function, as the poller calls it. The first batch dies, others by chance."""
        usual = [0.5]
        doomed = [self._settings.breaks]

        def invoke(lambda_event: Mapping[str, Any]) -> Any:
            is_doomed, doomed[0] = doomed[0], self._is_doomed(dice)
            timer = threading.Timer(dice.random() * 1.1 * usual[0], function.kill)
            if is_doomed:
                timer.start()
            began = time.monotonic()
            outcome = "died"
            failed_before = table.failed
            try:
                with self._still.moving():
                    answer = function.invoke(lambda_event)
                usual[0] = time.monotonic() - began
                if is_doomed:
                    function.kill()
                    raise FunctionError("it died when all was done, before its answer was heard")
                outcome = "failed" if answer["batchItemFailures"] else "done"
                return answer
            finally:
                timer.cancel()
                if outcome == "died":
                    self._note_end(function)
                with self._lock:
                    self._tally.batches[outcome] += 1
                    if outcome == "died" and table.failed > failed_before:
                        self._untold |= self._message_ids(lambda_event)

        return invoke

    def _message_ids(self, lambda_event: Mapping[str, Any]) -> set[str]:
        """Of the messages in a batch of the retry queue."""
        bodies = (json.loads(record["body"]) for record in lambda_event["Records"])
        entries = [entry for body in bodies for entry in body["entries"]]
        return Held.of(entries, self._addresses).message_ids

    def _is_doomed(self, dice: random.Random) -> bool:
        breaks = self._settings.breaks and not self._calm.is_set()
        return breaks and dice.random() < self._settings.p_kill

    def _break_queue(self, proxy: FlakyProxy) -> None:
        """SQS and the secret store go out of reach for a second, now and then."""
        dice = random.Random(self._settings.seed + 4)
        while not self._calm.wait(dice.uniform(*self._settings.queue_seconds)):
            proxy.unreachable.set()
            proxy.cut()
            self._calm.wait(1.0)
            proxy.unreachable.clear()

    def _break_table(self, table: TableWeather) -> None:
        """Down for a minute in the middle, or what a short run has; throttled in the rest."""
        seconds = self._settings.traffic_seconds
        began = time.monotonic()
        is_down_from, is_down_until = seconds * 0.1, seconds * 0.1 + min(60.0, seconds / 2)
        while not self._calm.wait(0.05):
            now = time.monotonic() - began
            if is_down_from <= now < is_down_until:
                table.is_down.set()
            else:
                table.is_down.clear()
            if now % THROTTLED_SECONDS < THROTTLED_SECONDS / 3:
                table.throttles.set()
            else:
                table.throttles.clear()
        table.is_down.clear()
        table.throttles.clear()
        self._tally.table.update(throttled=table.throttled, unanswered=table.unanswered)

    def _make_weather(self) -> None:
        dice = random.Random(self._settings.seed + 5)
        account = self._deployment.account
        while not self._calm.is_set():
            for name, weather in dice.sample(list(CLIMATE.items()), len(CLIMATE)):
                self._tally.weathers[name] += 1
                account.set_weather(*weather(dice.randrange(1_000_000)))
                if self._calm.wait(self._settings.weather_seconds):
                    break
        account.set_weather(*CALM)

    def _drain(self) -> None:
        """Wait until nothing waits, or the queue has grown no shorter for `DRAIN_SECONDS`."""
        least, until = math.inf, 0.0
        while depth := self._depth():
            if depth < least:
                least, until = depth, time.monotonic() + DRAIN_SECONDS
            elif time.monotonic() > until:
                return
            time.sleep(0.5)

    def _depth(self) -> int:
        """How many SQS messages wait, or are at work: one that took longer than it stays hidden is
        done by both functions. The first deletes it, and the second may still requeue it."""
        queue = self._deployment.sqs, self._deployment.queues.retry_queue_url
        if depth := aws.depth(*queue).total:
            return depth
        with self._still.stillness():
            return aws.depth(*queue).total

    def _call_once_more(
        self, webhooks: Sequence[LambdaFunction], retries: Sequence[LambdaFunction]
    ) -> None:
        """So often that each function has written the fates that it carries over: in the cloud the
        next calls come by themselves. What they are called with changes nothing."""
        dropped = next(unit for unit in self._units if unit.dropped)
        for _ in range(math.ceil(MOST_ITEMS / ITEMS_A_CALL) + 1):
            for webhook in webhooks:
                self._call(webhook, [dropped])
            for retry in retries:
                retry.invoke({"Records": []})

    def _note_end(self, function: LambdaFunction) -> None:
        """Write into its log that its process was killed."""
        log = self._function_logs[function]
        log.write(f"\n{books.ENDED}\n")
        log.flush()

    # The account

    def _look_on_the_way(self, senders: Sequence[threading.Thread]) -> None:
        """Twice on the way, at a moment when nothing moves, everything taken must be somewhere."""
        for part in (1, 2):
            while len(self._accepted) < len(self._units) * part / 3:
                if not any(thread.is_alive() for thread in senders):
                    return
                time.sleep(0.05)
            with self._still.stillness():
                held, waiting, dead = self._look()
                accepted = list(self._accepted.values())
            lost, _ = ledger.lost(accepted, held, waiting, dead)
            assert not lost, f"on the way: {Counter(kind for kind, _ in lost)}, {lost[:3]}"
            self._tally.snapshots.append(
                f"{sum(len(unit.messages) for unit in accepted):,} messages taken, none lost: "
                f"{len(held.events):,} events and {len(held.properties):,} profiles in "
                f"Klaviyo, {waiting.entries:,} entries wait, {dead.entries:,} dead letters"
            )

    def _look(self) -> tuple[Klaviyo, Held, Held]:
        """The queues first: what leaves them goes to Klaviyo, never the other way round."""
        waiting = Held.of(self._deployment.waiting(), self._addresses)
        dead = Held.of(self._deployment.dead(), self._addresses)
        return Klaviyo.of(self._deployment.account), waiting, dead

    def _prepare_people(self) -> None:
        """The lists, and who has opted out or joined before the run."""
        account = self._deployment.account
        for list_id, name in changes.LISTS:
            account.add_list(list_id, name, "single_opt_in")
        for unit in self._units:
            for address in unit.out_before:
                account.add_unsubscribed(address)
            for address in unit.on_list_before:
                account.add_subscribed(address, changes.LEFT_LIST)

    def _reversals(self) -> dict[str, Reversal]:
        """The addresses whose opt-out a subscription has undone in Klaviyo, and when at last."""
        account = self._deployment.account
        return {
            person.email: each
            for each in account.reversals
            if (person := account.profiles.get(each.profile_id)) is not None and person.email
        }

    def _report(self, proxy: FlakyProxy, seconds: float) -> Report:
        held, waiting, dead = self._look()
        lost, stale = ledger.lost(self._units, held, waiting, dead)
        missing, changed = ledger.changed(self._units, held, waiting)
        stale += changed
        widened, overtaken = ledger.widened(self._units, held, self._reversals())
        table = self._deployment.variables.get("LEDGER_TABLE")
        unchecked = books.warned(self._logs, "order_not_checked")
        unwritten = books.warned(self._logs, FATE_NOT_WRITTEN)
        ended = books.lost_with_their_process(self._logs) - unwritten
        disagreeing = fates.disagreeing(self._units, table, waiting.message_ids) if table else []

        def among(ids: Set[str]) -> list[ledger.Misfit]:
            return [misfit for misfit in disagreeing if misfit[1][1] in ids]

        return Report(
            settings=self._settings,
            units=self._units,
            tally=self._tally,
            books=books.read(self._logs),
            warnings=books.warnings(self._logs),
            lost=[*lost, *missing],
            stale=stale,
            warned=ledger.warned(self._units, stale, unchecked),
            untold=ledger.warned(self._units, stale, self._untold - unchecked),
            fates=[each for each in disagreeing if each[1][1] not in unwritten | ended],
            behind=among(unwritten),
            ended=among(ended),
            everywhere=[("left", ("left", each)) for each in held.everywhere],
            doubled=ledger.doubled(held),
            widened=widened,
            overtaken=overtaken,
            surplus=ledger.surplus(self._units, held, dead),
            klaviyo=held,
            dead=dead,
            waiting=waiting,
            requests=self._deployment.account.counts,
            proxy={"connections reset": proxy.resets, "answers lost": proxy.lost},
            peak_mb=max(limits.peak_mb for limits in self._limits),
            killed_for_memory=sum(limits.killed for limits in self._limits),
            seconds=seconds,
        )


class Stillness:
    """Lets many move at once, or one look while nobody moves."""

    def __init__(self) -> None:
        self._moving = 0
        self._looking = False
        self._changed = threading.Condition()

    @contextmanager
    def moving(self) -> Iterator[None]:
        with self._changed:
            self._changed.wait_for(lambda: not self._looking)
            self._moving += 1
        try:
            yield
        finally:
            with self._changed:
                self._moving -= 1
                self._changed.notify_all()

    @contextmanager
    def stillness(self) -> Iterator[None]:
        with self._changed:
            self._looking = True
            self._changed.wait_for(lambda: not self._moving)
        try:
            yield
        finally:
            with self._changed:
                self._looking = False
                self._changed.notify_all()

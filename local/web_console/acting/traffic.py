"""A steady stream of made-up messages, so that there is something to watch."""

import itertools
import json
import random
import threading
import uuid
from contextlib import suppress
from typing import Any

from local.background import Background
from local.web_console.acting.posting import post

RATES = (0, 1, 5, 20)
"""Messages a second to choose from."""

PEOPLE = (
    ("maria.lindqvist", "Maria", "Lindqvist"),
    ("tom.okafor", "Tom", "Okafor"),
    ("ines.moreau", "Ines", "Moreau"),
    ("priya.raman", "Priya", "Raman"),
    ("leo.haas", "Leo", "Haas"),
    ("amina.yusuf", "Amina", "Yusuf"),
    ("jonas.berg", "Jonas", "Berg"),
    ("chloe.park", "Chloe", "Park"),
)
PRODUCTS = (("Enamel Mug", 18.5), ("Green Tea", 22.0), ("Linen Towel", 14.0), ("Oak Tray", 39.0))
EVENT_NAMES = ("Product Viewed", "Product Added", "Cart Viewed", "Checkout Started")


class Traffic(Background):
    """Sends the wanted number of messages once a second, in one request, in a thread.

    It never overlaps: while the webhook is slow, the next second's messages wait.
    """

    def __init__(self, webhook_url: str, secret: str) -> None:
        self._webhook_url = webhook_url
        self._secret = secret
        self._per_second = 0
        self._changed = threading.Event()
        self._chance = random.Random(7)
        self._run = uuid.uuid4().hex[:6]
        self._numbers = itertools.count(1)
        super().__init__("traffic", patience=1.0)

    def __exit__(self, *error: object) -> None:
        self.stopped.set()
        self._changed.set()
        super().__exit__(*error)

    @property
    def per_second(self) -> int:
        """How many messages are sent each second."""
        return self._per_second

    def set(self, per_second: int) -> None:
        """Send so many from now on. Raises `ValueError` for another rate than the offered ones."""
        if per_second not in RATES:
            raise ValueError(f"per_second: expected one of {', '.join(map(str, RATES))}")
        self._per_second = per_second
        self._changed.set()

    def work(self) -> None:
        while not self.stopped.is_set():
            if not self._per_second:
                self._changed.wait()
                self._changed.clear()
                continue
            messages = [self._message() for _ in range(self._per_second)]
            with suppress(OSError):
                post(json.dumps(messages), self._webhook_url, self._secret)
            self.stopped.wait(1)

    def _message(self) -> dict[str, Any]:
        local_part, first_name, last_name = self._chance.choice(PEOPLE)
        email = f"{local_part}@acme-store.example"
        message = {"messageId": f"traffic-{self._run}-{next(self._numbers)}", "userId": local_part}
        if self._chance.random() < 0.2:
            traits = {"email": email, "firstName": first_name, "lastName": last_name}
            return {"type": "identify", **message, "traits": traits}
        name, price = self._chance.choice(PRODUCTS)
        return {
            "type": "track",
            **message,
            "event": self._chance.choice(EVENT_NAMES),
            "properties": {"email": email, "name": name, "price": price},
        }

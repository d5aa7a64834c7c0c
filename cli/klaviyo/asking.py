"""Single questions to Klaviyo, each asked until it is answered: a throttled one waits its time."""

import time
from collections.abc import Callable

from klaviyo_client.api.answers import NOT_LET_IN, TOO_MANY_REQUESTS, Answer
from klaviyo_client.api.outcomes import Retryable, RetryReason
from klaviyo_client.sending.rate_limits import pause_after
from klaviyo_client.sending.transport import HttpTransport

SECONDS = 10.0
"""How long to wait for an answer."""

PATIENCE_SECONDS = 120.0
"""How long all pauses of a run may take together. Klaviyo's steady limits are by the minute:
https://developers.klaviyo.com/en/docs/rate_limits_and_error_handling."""

Reply = Answer | Retryable
"""An answer, or why there was none."""


class Inquirer:
    """Asks Klaviyo at `api_url` with one key, one request after the other.

    `on_pause` is given the seconds of each pause before it begins.
    """

    def __init__(
        self,
        api_url: str,
        private_key: str,
        on_pause: Callable[[float], None],
        sleep: Callable[[float], None] = time.sleep,
    ) -> None:
        self._transport = HttpTransport(api_url, 1)
        self._key = private_key
        self._on_pause = on_pause
        self._sleep = sleep
        self._patience = PATIENCE_SECONDS

    def ask(self, method: str, path: str, body: bytes | None = None) -> Reply:
        """The answer. It is a 429 only when the patience is at its end, and a 401 or 403 only if it
        is Klaviyo's own: a page, such as Cloudflare's challenge, says nothing of the key.

        A method other than GET has the empty object as its body, if no other is given.
        """
        content = body if body is not None else b"" if method == "GET" else b"{}"
        while True:
            reply = self._transport.send(method, path, content, self._key, SECONDS)
            if isinstance(reply, Retryable):
                return reply
            if reply.is_foreign and reply.status in NOT_LET_IN:
                return Retryable(RetryReason.UNEXPECTED_ANSWER, reply.retry_after, reply.status)
            if reply.status != TOO_MANY_REQUESTS:
                return reply
            seconds = pause_after(reply)
            if seconds > self._patience:
                return reply
            self._patience -= seconds
            self._on_pause(seconds)
            self._sleep(seconds)

"""The stack's secret: read with its age, changed field by field, and written back.

Other fields than those that are changed stay as they are. What is written has passed the check by
which the functions read it.
"""

import json
import secrets
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

from cli.stack.aws import Stack, client, reaching, secret_value
from cli.troubles import Misuse, Trouble
from handler.aws.credentials import KEEP_SECONDS, CredentialStore, CredentialsUnavailable
from handler.aws.environment import Environment
from klaviyo_mapping.settings.settings import Settings

KEY, SHARED, TOKEN = "klaviyo_private_key", "segment_shared_secret", "webhook_token"
LEDGER_KEY = "ledger_key"

ROTATED = (SHARED, TOKEN)
"""Fields that may hold two values at once, the new one first."""

LOGICAL_ID = "CredentialsSecret"

SHORTEST_SECRET = 16
"""Characters. A shorter one can be found by trying."""


@dataclass(frozen=True, slots=True)
class StoredSecret:
    """What the secret holds now. `age` is in seconds, `None` when it was never set."""

    arn: str
    fields: Mapping[str, Any] = field(repr=False)
    age: float | None

    def values(self, name: str) -> list[str]:
        """The values of a field, the newest first; none when it is not set."""
        found = self.fields.get(name)
        listed = found if isinstance(found, list) else [found]
        return [str(each) for each in listed if each]


def made_up() -> str:
    """A new random secret of characters that are safe in shells and headers."""
    return secrets.token_hex(32)


def held(stack: Stack) -> StoredSecret:
    """The secret of a stack. Raises `Trouble` when it has none, or it cannot be read."""
    arn = stack.outputs.get("CredentialsSecretArn") or stack.resource(LOGICAL_ID)
    if arn is None:
        raise Trouble(
            f"the stack {stack.name} has no secret: is it this destination's? If so, deploy it "
            "again with the current template"
        )
    answer = secret_value(arn)
    if answer is None:
        return StoredSecret(arn, {}, None)
    try:
        document = json.loads(answer.get("SecretString") or "{}")
    except ValueError:
        document = {}
    age = (datetime.now(UTC) - answer["CreatedDate"]).total_seconds()
    return StoredSecret(arn, document if isinstance(document, dict) else {}, age)


def changed(before: StoredSecret, changes: Mapping[str, Any]) -> dict[str, Any]:
    """The fields with these changes; `None` removes one. Raises `Misuse` naming an unusable one."""
    document = {**before.fields, **changes}
    document = {name: value for name, value in document.items() if value is not None}
    text = json.dumps(document)
    environment = Environment(Settings(), "", "", credentials_secret_arn=before.arn)
    try:
        CredentialStore(environment, lambda _arn, _seconds: text, lambda: 0.0).get(1.0)
    except CredentialsUnavailable as error:
        raise Misuse(f"{error}; nothing was written") from None
    return document


def write(arn: str, document: Mapping[str, Any]) -> None:
    """Put the fields into the secret, as its newest version."""
    with reaching("the secret"):
        client("secretsmanager").put_secret_value(
            SecretId=arn, SecretString=json.dumps(document, ensure_ascii=False)
        )


def check_key(text: str) -> str:
    """Klaviyo's private key, if it can be one. Raises `Misuse`."""
    key = text.strip()
    if not key.startswith("pk_"):
        is_public = len(key) == 6 and key.isalnum()
        what = "this is a public API key" if is_public else "this does not"
        raise Misuse(
            f"{KEY}: a private key begins with pk_, and {what}: see Settings, API keys in Klaviyo"
        )
    if not (key.isascii() and key.isprintable()) or " " in key:
        raise Misuse(f"{KEY}: it has a character that no key has: was all of it pasted?")
    return key


def begun(before: StoredSecret, name: str, new: str) -> dict[str, Any]:
    """A rotation's first step: the new value and the old one are both valid."""
    old = before.values(name)
    if not old:
        raise Misuse(f"the secret has no {name} yet, which a rotation needs: set it first")
    if len(old) > 1:
        raise Misuse(f"{name} is being rotated: end the rotation with --finish or --cancel")
    if new == old[0]:
        raise Misuse(f"{name}: the new value is the same as the old one")
    return changed(before, {name: [new, old[0]]})


def ended(before: StoredSecret, name: str, *, cancel: bool = False) -> dict[str, Any]:
    """A rotation's last step: only the new value is valid, or with `cancel` only the old one."""
    values = before.values(name)
    if len(values) < 2:
        raise Misuse(f"{name} is not being rotated: the secret holds {len(values)} of it")
    return changed(before, {name: values[-1] if cancel else values[0]})


def too_young(before: StoredSecret) -> float:
    """Seconds until every function has read the secret as it is; 0 if they all have."""
    return max(KEEP_SECONDS - (before.age or 0.0), 0.0)

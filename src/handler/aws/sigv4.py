"""AWS Signature Version 4, for a JSON request to one of AWS's services. Pure.

https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_sigv-create-signed-request.html
"""

import hashlib
import hmac
from dataclasses import dataclass, field
from datetime import UTC, datetime
from functools import lru_cache

ALGORITHM = "AWS4-HMAC-SHA256"


@dataclass(frozen=True, slots=True)
class Keys:
    """The credentials of a role, as Lambda puts them into the environment."""

    access_key_id: str
    secret_access_key: str = field(repr=False)
    session_token: str | None = field(default=None, repr=False)


def signed_headers(
    host: str,
    target: str,
    body: bytes,
    keys: Keys,
    service: str,
    region: str,
    now: datetime,
    version: str = "1.1",
) -> dict[str, str]:
    """The headers of `POST /` at `host` with a body in AWS's JSON protocol of this `version`.

    `target` is the operation (`secretsmanager.GetSecretValue`), `now` has a time zone.
    """
    moment = now.astimezone(UTC).strftime("%Y%m%dT%H%M%SZ")
    headers = {
        "content-type": f"application/x-amz-json-{version}",
        "host": host,
        "x-amz-date": moment,
        "x-amz-target": target,
    }
    if keys.session_token:
        headers["x-amz-security-token"] = keys.session_token
    names = sorted(headers)
    lines = "".join(f"{name}:{headers[name]}\n" for name in names)
    signed = ";".join(names)
    request = "\n".join(("POST", "/", "", lines, signed, hashlib.sha256(body).hexdigest()))
    scope = (moment[:8], region, service, "aws4_request")
    digest = hashlib.sha256(request.encode()).hexdigest()
    text = "\n".join((ALGORITHM, moment, "/".join(scope), digest))
    key = _signing_key(keys.secret_access_key, scope)
    signature = hmac.digest(key, text.encode(), "sha256").hex()
    credential = "/".join((keys.access_key_id, *scope))
    headers["authorization"] = (
        f"{ALGORITHM} Credential={credential}, SignedHeaders={signed}, Signature={signature}"
    )
    return headers


@lru_cache(maxsize=4)
def _signing_key(secret_access_key: str, scope: tuple[str, ...]) -> bytes:
    """The same all day, for each service."""
    key = f"AWS4{secret_access_key}".encode()
    for part in scope:
        key = hmac.digest(key, part.encode(), "sha256")
    return key

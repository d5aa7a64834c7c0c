"""Requests to AWS are signed as botocore signs them."""

from datetime import UTC, datetime

import pytest
from botocore.auth import SigV4Auth
from botocore.awsrequest import AWSRequest
from botocore.credentials import Credentials

from handler.aws.sigv4 import Keys, signed_headers

NOW = datetime(2026, 11, 24, 3, 4, 5, tzinfo=UTC)
BODY = b'{"SecretId": "arn"}'


def botocores(keys: Keys, headers: dict[str, str], monkeypatch: pytest.MonkeyPatch) -> str:
    request = AWSRequest("POST", "https://host.example:8443/", headers=headers, data=BODY)
    request.context["timestamp"] = headers["x-amz-date"]
    signer = SigV4Auth(
        Credentials(keys.access_key_id, keys.secret_access_key, keys.session_token),
        "secretsmanager",
        "eu-west-1",
    )
    text = signer.string_to_sign(request, signer.canonical_request(request))
    return signer.signature(text, request)


@pytest.mark.parametrize("token", [None, "token//with+signs=="])
def test_the_signature_is_botocores(token: str | None, monkeypatch: pytest.MonkeyPatch) -> None:
    keys = Keys("AKIDEXAMPLE", "secret/key+example", token)
    headers = signed_headers(
        "host.example:8443",
        "secretsmanager.GetSecretValue",
        BODY,
        keys,
        "secretsmanager",
        "eu-west-1",
        NOW,
    )
    authorization = headers.pop("authorization")
    names = ";".join(sorted(headers))
    signature = botocores(keys, headers, monkeypatch)
    assert authorization == (
        "AWS4-HMAC-SHA256 Credential=AKIDEXAMPLE/20261124/eu-west-1/secretsmanager/aws4_request, "
        f"SignedHeaders={names}, Signature={signature}"
    )


def test_keys_do_not_show_their_secrets() -> None:
    assert repr(Keys("AKID", "canary", "canary")) == "Keys(access_key_id='AKID')"

"""The console beside the real Klaviyo: it shows less, and makes nobody up."""

from typing import Any

import pytest
from flask.testing import FlaskClient

from local.make_run.configuration import Configuration
from local.make_run.deployment import Deployment as LocalDeployment
from local.make_run.place import COMMAND
from local.web_console.acting.redriving import Redriving
from local.web_console.acting.traffic import Traffic
from local.web_console.parts import Parts
from local.web_console.server import application
from local.web_console.watching.journal import Journal
from local.web_console.watching.queues import Bookkeeper
from local.web_console.watching.watch import Watch
from tests.deployment import Deployment

NOBODY = "http://127.0.0.1:9/segment"


@pytest.fixture
def client(deployment: Deployment) -> FlaskClient:
    local = LocalDeployment(
        NOBODY, "https://a.klaviyo.com", "", None, deployment.queues, deployment.sqs
    )
    journal = Journal()
    parts = Parts(
        Configuration(private_key="pk_real"),
        local,
        {},
        COMMAND,
        journal,
        Watch(journal, Bookkeeper(deployment.queues)),
        Traffic(NOBODY, "secret"),
        Redriving(deployment.queues),
    )
    return application(parts).test_client()


def ask(client: FlaskClient, path: str, body: Any = None) -> tuple[int, Any]:
    method = "GET" if body is None else "POST"
    answer = client.open(path, method=method, json=body, base_url="http://127.0.0.1:8083")
    return answer.status_code, answer.get_json()


def test_state_says_nothing_of_what_klaviyo_holds(client: FlaskClient) -> None:
    _, state = ask(client, "/api/state")
    assert (state["holdings"], state["weather"]) == (None, None)
    assert ask(client, "/api/start")[1]["has_stand_in"] is False


def test_weather_is_left_alone(client: FlaskClient) -> None:
    error = "This is the real Klaviyo, which has a weather of its own."
    assert ask(client, "/api/weather", {"kind": "down"}) == (400, {"error": error})


def test_made_up_people_are_not_sent(client: FlaskClient) -> None:
    error = "Made-up people are not sent to a real Klaviyo account."
    assert ask(client, "/api/traffic", {"per_second": 1}) == (400, {"error": error})


def test_webhook_that_does_not_answer_is_told(client: FlaskClient) -> None:
    error = "The webhook did not answer: ConnectionRefusedError."
    assert ask(client, "/api/send", {"text": "{}"}) == (502, {"error": error})


def test_preview_is_the_same(client: FlaskClient) -> None:
    status, answer = ask(client, "/api/preview", {"text": '{"type":"page"}', "settings": {}})
    assert (status, answer["preview"]["messages"][0]["verdict"]) == (200, "dropped")

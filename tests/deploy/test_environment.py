"""The functions' environment has 4 KB at most, which is to be known before a deployment."""

import json

from deploy import environment
from local.aws_stand_in.template import source


def test_the_defaults_leave_room() -> None:
    assert environment.size("klaviyo-destination", {}) < 0.6 * environment.MOST_BYTES


def test_it_is_measured_as_the_json_that_lambda_measures() -> None:
    """Its error says "String measured: {…}", with the quotes of a table escaped."""
    before = environment.size("shop", {"AudienceLists": ""})
    table = json.dumps({f"audience_{n}": "Y6nRLr" for n in range(10)})
    escaped = len(json.dumps(table)) - 2
    assert environment.size("shop", {"AudienceLists": table}) == before + escaped


def test_a_long_table_is_found_and_named() -> None:
    table = json.dumps({f"audience_number_{n}": "Y6nRLr" for n in range(120)})
    chosen = {"AudienceLists": table}
    assert environment.size("shop", chosen) > environment.MOST_BYTES
    assert environment.largest("shop", chosen) == ("AUDIENCE_LISTS", len(json.dumps(table)))


def test_development_variables_do_not_count_and_each_other_one_does() -> None:
    variables = source()["Globals"]["Function"]["Environment"]["Variables"]
    bytes_of_names = sum(
        len(name) + len('"":"",')
        for name, value in variables.items()
        if "IsOnThisMachine" not in str(value)
    )
    assert environment.size("s", {}) > bytes_of_names

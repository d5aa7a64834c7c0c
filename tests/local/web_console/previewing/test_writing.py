"""Settings as other tools take them: what is copied is what those tools read."""

import re
import shlex

import pytest

from klaviyo_mapping import Settings
from klaviyo_mapping.settings.declaration import declared
from local.aws_stand_in.template import FILE as TEMPLATE
from local.web_console.previewing.exporting import Exported, exported

RULES = '[events]\ndeny = ["Debug *"]'


@pytest.mark.parametrize(
    ("texts", "expected"),
    [
        ({}, Exported("", "", "")),
        ({"ENFORCE_EMAIL": "true", "CONSENT_SOURCE": "Segment"}, Exported("", "", "")),
        (
            {"ENFORCE_EMAIL": "false", "CONSENT_EVENTS": "true"},
            Exported(
                "ENFORCE_EMAIL=false\nCONSENT_EVENTS=true",
                "--no-enforce-email --consent-events",
                "sam deploy --parameter-overrides EnforceEmail=false ConsentEvents=true",
            ),
        ),
        (
            {"AUDIENCE_LISTS": '{"vips": "Y6nRLr"}'},
            Exported(
                """AUDIENCE_LISTS='{"vips": "Y6nRLr"}'""",
                """--audience-lists '{"vips": "Y6nRLr"}'""",
                "sam deploy --parameter-overrides"
                r""" 'AudienceLists="{\"vips\": \"Y6nRLr\"}"'""",
            ),
        ),
        (
            {"RULES": RULES},
            Exported(
                f"RULES={shlex.quote(RULES)}",
                "--rules-file rules.toml",
                "sam deploy --parameter-overrides RulesFile=rules.toml",
            ),
        ),
    ],
    ids=["none", "defaults", "switches", "object", "rules"],
)
def test_settings_are_written(texts: dict[str, str], expected: Exported) -> None:
    assert exported(texts) == expected


def test_every_parameter_is_one_of_the_template() -> None:
    examples = {
        each.variable: each.setting.example or next(iter(each.choices[1:]), "other")
        for each in declared(Settings)
        if not each.is_switch
    }
    switches = {
        each.variable: str(not each.default).lower()
        for each in declared(Settings)
        if each.is_switch
    }
    words = shlex.split(exported({**examples, **switches}).parameters)[3:]
    template = TEMPLATE.read_text()
    names = {word.partition("=")[0] for word in words}
    assert len(names) == len(examples) + len(switches)
    assert [name for name in names if not re.search(rf"^  {name}:$", template, re.MULTILINE)] == []

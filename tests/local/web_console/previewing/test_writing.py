"""Settings as other tools take them: what is copied is what those tools read."""

import shlex
from pathlib import Path

import pytest

from deploy.parameters import read
from klaviyo_mapping import Settings
from klaviyo_mapping.settings.declaration import declared
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
                "EnforceEmail: 'false'\nConsentEvents: 'true'",
            ),
        ),
        (
            {"AUDIENCE_LISTS": '{"vips": "Y6nRLr"}'},
            Exported(
                """AUDIENCE_LISTS='{"vips": "Y6nRLr"}'""",
                """--audience-lists '{"vips": "Y6nRLr"}'""",
                """AudienceLists: '{"vips": "Y6nRLr"}'""",
            ),
        ),
        (
            {"RULES": RULES},
            Exported(
                f"RULES={shlex.quote(RULES)}",
                "--rules-file rules.toml",
                "RulesFile: rules.toml",
            ),
        ),
    ],
    ids=["none", "defaults", "switches", "object", "rules"],
)
def test_settings_are_written(texts: dict[str, str], expected: Exported) -> None:
    assert exported(texts) == expected


def test_make_deploy_reads_every_parameter_as_it_was_filled_in(tmp_path: Path) -> None:
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
    file = tmp_path / "shop.yaml"
    file.write_text(exported({**examples, **switches}).parameters)
    by_variable = {each.variable: each for each in declared(Settings)}
    assert read(file) == {
        each.parameter: text
        for name, text in {**examples, **switches}.items()
        if (each := by_variable[name]).name != "rules"
    } | {"RulesFile": "rules.toml"}

"""The file of a stack's parameters, checked before anything is built."""

from pathlib import Path

import pytest

from deploy.parameters import EXAMPLE, ParameterError, read
from local.aws_stand_in.template import FILE


def written(folder: Path, text: str) -> Path:
    file = folder / "shop.yaml"
    file.write_text(text, "utf-8")
    return file


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("", {}),
        ("# nothing\n", {}),
        ("ListId: Y6nRLr\n", {"ListId": "Y6nRLr"}),
        # YAML's own readings of these would be a boolean, Norway as a boolean, and a number.
        ("ConfirmOptin: false\n", {"ConfirmOptin": "false"}),
        ("DefaultCountry: NO\n", {"DefaultCountry": "NO"}),
        ("ListId: 0042\n", {"ListId": "0042"}),
        ("Pause: on\n", {"Pause": "on"}),
        ('ListId: ""\n', {"ListId": ""}),
        ("RetryHours: 48\n", {"RetryHours": "48"}),
        ("LogRetentionDays: 90\n", {"LogRetentionDays": "90"}),
        ("""AudienceLists: '{"vips": "Y6nRLr"}'\n""", {"AudienceLists": '{"vips": "Y6nRLr"}'}),
    ],
)
def test_values_are_read_as_they_are_written(
    tmp_path: Path, text: str, expected: dict[str, str]
) -> None:
    assert read(written(tmp_path, text)) == expected


@pytest.mark.parametrize(
    ("text", "trouble"),
    [
        ("ListID: Y6nRLr\n", "there is no parameter ListID; is ListId meant?"),
        ("Xyz: 1\n", "there is no parameter Xyz; template.yaml has the list"),
        ("ConfirmOptin: maybe\n", "ConfirmOptin: expected one of true, false"),
        ("RetryHours: 73\n", "RetryHours: expected a whole number from 1 to 72"),
        ("RetryHours: two\n", "RetryHours: expected a whole number from 1 to 72"),
        ("AlarmEmail: nobody\n", "AlarmEmail: expected an e-mail address, or empty"),
        ("AudienceLists: {vips: Y}\n", "AudienceLists: write one value, JSON in single quotes"),
        (
            """AudienceLists: '{"a \\"b\\"": "Y6nRLr"}'\n""",
            "AudienceLists: SAM cannot hand on a backslash; write it without",
        ),
        ("- ListId\n", "write one `Name: value` a line"),
        ("ListId: [\n", "it is not YAML"),
        ("? [ListId]\n: Y6nRLr\n", ", line 1: write one `Name: value` a line"),
        (
            "RetryHours: 24\nListId: Y6nRLr\nRetryHours: 48\n",
            ", line 3: RetryHours is set twice: keep one line",
        ),
    ],
)
def test_what_the_template_would_not_take_is_named_with_the_remedy(
    tmp_path: Path, text: str, trouble: str
) -> None:
    file = written(tmp_path, text)
    with pytest.raises(ParameterError) as raised:
        read(file)
    assert str(raised.value).startswith(str(file))
    assert trouble in str(raised.value)


def test_the_example_is_one_that_can_be_copied_and_deployed_as_it_is(tmp_path: Path) -> None:
    text = (FILE.parent / EXAMPLE).read_text("utf-8")
    assert read(written(tmp_path, text)) == {}
    lines = [
        line.removeprefix("# ") for line in text.splitlines() if ": " in line and "`" not in line
    ]
    assert read(written(tmp_path, "\n".join(lines))).keys() >= {"AlarmEmail", "AudienceLists"}

"""The mapping needs nothing but msgspec until a phone number is in need of reading."""

import subprocess
import sys
from pathlib import Path

import klaviyo_mapping

SOURCES = Path(klaviyo_mapping.__file__).parents[1]

MAP_A_MESSAGE = """
import sys
from datetime import UTC, datetime
sys.path.append(sys.argv[1])
from klaviyo_mapping import (Message, Settings, map_message)
traits = {"email": "ada@example.org", "phone": sys.argv[2]}
message = Message.from_canonical({"type": "identify", "userId": "u1", "traits": traits})
identity = map_message(message, Settings(), datetime(2026, 6, 1, tzinfo=UTC)).operations[0].identity
packages = {name.partition(".")[0] for name in sys.modules}
print(identity.phone_number, *sorted(packages - sys.stdlib_module_names - {"__main__"}))
"""


def run(phone: str, *options: str) -> list[str]:
    command = [sys.executable, *options, "-c", MAP_A_MESSAGE, str(SOURCES), phone]
    return subprocess.run(command, check=True, capture_output=True, text=True).stdout.split()


def test_a_message_is_mapped_with_msgspec_alone() -> None:
    phone, *packages = run(" +14155552671 ", "-I")
    assert phone == "+14155552671"
    assert {"klaviyo_mapping", "msgspec"} <= set(packages)
    assert not set(packages) & {"phonenumbers", "requests", "urllib3", "boto3", "fastjsonschema"}


def test_phonenumbers_is_imported_for_a_number_in_another_notation() -> None:
    assert {"+14155552671", "phonenumbers"} <= set(run("+1 415 555 2671"))

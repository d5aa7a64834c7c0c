"""The client knows operations, not where they come from: loading it loads no mapping."""

import subprocess
import sys

SCRIPT = """
import sys
import klaviyo_client.delivery
print(sorted(name for name in sys.modules if name.startswith(("klaviyo_mapping", "handler"))))
"""


def test_importing_the_client_loads_neither_mapping_nor_handler() -> None:
    loaded = subprocess.run(
        [sys.executable, "-c", SCRIPT], capture_output=True, text=True, check=True
    )
    assert loaded.stdout.strip() == "[]"

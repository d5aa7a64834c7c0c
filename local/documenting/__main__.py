"""`python -m local.documenting [dashboard] [screenshots] [recording]`: without arguments, all."""

import sys

from local.documenting import dashboard, screenshots, transcript

PARTS = {
    "dashboard": dashboard.write,
    "screenshots": screenshots.write,
    "recording": transcript.write,
}


def main(words: list[str]) -> int:
    """Make the parts. Exit status 2 for an unknown one."""
    unknown = [word for word in words if word not in PARTS]
    if unknown:
        print(f"{unknown[0]}: expected one of {', '.join(PARTS)}", file=sys.stderr)
        return 2
    for word in words or PARTS:
        PARTS[word]()
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))

"""`python -m local.klaviyo_stand_in --port 8081`: the stand-in until it is interrupted."""

import argparse
from threading import Event

from local.klaviyo_stand_in import Account, Policy, serve
from local.klaviyo_stand_in.checks.rate_limits import RateLimits


def _limits(text: str) -> RateLimits:
    if text == "off":
        return None
    return "published" if text == "published" else float(text)


def main() -> None:
    """Serve an account. Prints its URL and nothing of what it is sent."""
    parser = argparse.ArgumentParser(prog="python -m local.klaviyo_stand_in", description=__doc__)
    parser.add_argument("--port", type=int, default=8081, help="0 takes any free one")
    parser.add_argument("--key", action="append", help="a private key to accept (pk_test)")
    parser.add_argument(
        "--limits", type=_limits, default="published", help="published, off, or a factor"
    )
    parser.add_argument("--import-seconds", type=float, default=1.0, help="of one import job")
    parser.add_argument("--keep-events", choices=("all", "ids", "counts"), default="all")
    chosen = parser.parse_args()
    account = Account(
        frozenset(chosen.key or ("pk_test",)),
        limits=chosen.limits,
        policy=Policy(import_seconds=chosen.import_seconds),
        keep_events=chosen.keep_events,
    )
    with serve(account, chosen.port) as url:
        print(f"Klaviyo's stand-in is at {url}", flush=True)
        try:
            Event().wait()
        except KeyboardInterrupt:
            return


if __name__ == "__main__":
    main()

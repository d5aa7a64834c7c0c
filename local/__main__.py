"""`python -m local`: what `make run` starts."""

import signal
import sys

# Loading takes a second or two, in which nothing has begun: Ctrl-C ends it without a trace.
signal.signal(signal.SIGINT, signal.SIG_DFL)

if __name__ == "__main__":
    from local.make_run.running import main

    sys.exit(main(sys.argv[1:]))

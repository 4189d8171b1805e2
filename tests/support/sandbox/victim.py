"""A process with a secret, as the web process is: python -m tests.support.sandbox.victim hidden|open"""

import signal
import sys

from tasks.process_memory import hide_from_others

if __name__ == "__main__":
    if sys.argv[1] == "hidden":
        hide_from_others()
    sys.stdout.write("ready\n")
    sys.stdout.flush()
    signal.pause()

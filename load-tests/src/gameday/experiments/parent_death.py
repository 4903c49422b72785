"""`python -m gameday.experiments.parent_death COMMAND …` becomes COMMAND, and ends with its starter.

The load must not outlive an experiment that was killed: Linux tells the process itself (PR_SET_PDEATHSIG).
"""

import ctypes
import os
import signal
import sys
from typing import Final

_PR_SET_PDEATHSIG: Final = 1

if __name__ == "__main__":
    parent = os.getppid()
    ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGTERM)
    if os.getppid() == parent:  # else it ended before anybody was to be told
        os.execv(sys.argv[1], sys.argv[1:])

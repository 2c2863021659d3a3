"""Runs a command that is told to stop when the process that began it dies, even by kill -9.

    python -I leash.py PARENT_PID COMMAND...

It asks Linux for a SIGTERM at the death of its parent, which lasts when it becomes the command: a
training then saves a checkpoint and ends.
"""

import ctypes
import os
import signal
import sys

_PR_SET_PDEATHSIG = 1  # <linux/prctl.h>


def main() -> None:
    """Becomes the command, or ends if the parent has died meanwhile."""
    parent, *command = sys.argv[1:]
    number = ctypes.c_ulong(signal.SIGTERM)
    if ctypes.CDLL(None, use_errno=True).prctl(_PR_SET_PDEATHSIG, number) != 0:
        sys.exit(f"prctl failed: {os.strerror(ctypes.get_errno())}")
    if os.getppid() != int(parent):  # it died before the line above
        os.kill(os.getpid(), signal.SIGTERM)
    os.execv(command[0], command)


if __name__ == "__main__":
    main()

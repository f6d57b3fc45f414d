"""Runs a program that dies with its parent: `python -I -S tether.py PARENT SIGNAL UID GID PROGRAM ARG...`.

A file of its own, run as a script: a `preexec_fn` in a process with threads may deadlock, and the kernel
forgets the death signal when the uid changes, so it is asked for last (prctl(2), PR_SET_PDEATHSIG).
On systems other than Linux the program is started without the tether.
"""

import ctypes
import os
import sys

PR_SET_PDEATHSIG = 1


def main() -> None:
    parent, signal, uid, gid = (int(word) for word in sys.argv[1:5])
    program = sys.argv[5:]
    # A group of its own: Ctrl-C reaches the launcher alone, which then stops everything in order.
    os.setpgid(0, 0)
    if uid >= 0:
        os.setgroups([])
        os.setgid(gid)
        os.setuid(uid)
    if sys.platform == "linux":
        libc = ctypes.CDLL(None, use_errno=True)
        if libc.prctl(PR_SET_PDEATHSIG, signal, 0, 0, 0) != 0:
            raise OSError(ctypes.get_errno(), "prctl(PR_SET_PDEATHSIG) failed")
        if os.getppid() != parent:
            sys.exit("the launcher ended before this part was started")
    os.execv(program[0], program)


if __name__ == "__main__":
    main()

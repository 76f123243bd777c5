"""Whether a process of this machine holds a study, found without touching its lock.

Asking for the lock could be in the way of a study that starts at that moment; the kernel lists
who holds what.
"""

from __future__ import annotations

import os
from pathlib import Path

_LOCKS = Path("/proc/locks")


def is_held(lock: Path, locks: Path = _LOCKS) -> bool:
    """Whether the kernel lists a process that has locked the file.

    Args:
        lock: the lock file of a study.
        locks: the kernel's list; where it does not exist the answer is False.
    """
    try:
        found = lock.lstat()
        listed = locks.read_text()
    except OSError:
        return False
    device = f"{os.major(found.st_dev):02x}:{os.minor(found.st_dev):02x}:{found.st_ino}"
    return any(_is_of(line.split(), device) for line in listed.splitlines())


def _is_of(words: list[str], device: str) -> bool:
    """Whether a line, as ``1: FLOCK ADVISORY WRITE 123 08:01:456 0 EOF``, is about this file."""
    # A second word "->" belongs to who waits for a lock.
    return len(words) > 5 and words[1] == "FLOCK" and words[5] == device

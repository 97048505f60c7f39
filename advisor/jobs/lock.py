"""The lock that says who drives a job: held by the driver's process, gone with it however it ends."""

import fcntl
import os
import time
from pathlib import Path


def take(path: Path) -> int | None:
    """An open descriptor that holds the lock, or None where another process holds it.

    The lock belongs to the open file, so a child that inherits the descriptor keeps it without a gap.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    descriptor = os.open(path, os.O_RDWR | os.O_CREAT, 0o644)
    for _ in range(50):
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
            return descriptor
        except BlockingIOError:
            time.sleep(0.02)  # an observer may hold it for a moment (see `held`), or a driver be about to end
    os.close(descriptor)
    return None


def held(path: Path) -> bool:
    """Whether some process drives the job."""
    if not path.exists():
        return False
    descriptor = os.open(path, os.O_RDWR)
    try:
        # A shared lock: two observers at once must not mistake each other for a driver.
        fcntl.flock(descriptor, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except BlockingIOError:
        return True
    finally:
        os.close(descriptor)
    return False

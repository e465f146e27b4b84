"""What a piece of work costs: time, disk, processor and memory."""

import os
import subprocess
import sys
import threading
import time
from dataclasses import dataclass


@dataclass
class Cost:
    seconds: float
    disk: int
    cpu: float = 0.0
    memory: int = 0


def bytes_below(folder):
    total, seen = 0, set()
    for root, _, names in os.walk(folder):
        for name in names:
            try:
                status = os.lstat(os.path.join(root, name))
            except FileNotFoundError:
                continue
            if status.st_ino not in seen:
                seen.add(status.st_ino)
                total += status.st_blocks * 512
    return total


def measured(work, folder):
    """What `work` costs; the disk is what it adds below `folder` at most, looked at 50 times a second."""
    start = bytes_below(folder)
    most, done = [0], threading.Event()

    def look():
        while not done.wait(0.02):
            most[0] = max(most[0], bytes_below(folder) - start)

    watcher = threading.Thread(target=look)
    watcher.start()
    began = time.monotonic()
    try:
        cpu, memory = work() or (0.0, 0)
    finally:
        seconds = time.monotonic() - began
        done.set()
        watcher.join()
    return Cost(seconds, max(most[0], bytes_below(folder) - start), cpu, memory)


def process(command, folder):
    """Runs a command that must succeed, in a world of its own: (CPU seconds, peak memory in bytes)."""
    world = {"HOME": f"{folder}/home", "TMPDIR": f"{folder}/tmp", "XDG_CACHE_HOME": f"{folder}/home/.cache"}
    for path in world.values():
        os.makedirs(path, exist_ok=True)
    with open(f"{folder}/home/said", "w+") as said:
        child = subprocess.Popen(
            command, env={**os.environ, **world}, stdin=subprocess.DEVNULL, stdout=said, stderr=said
        )
        try:
            _, status, usage = os.wait4(child.pid, 0)
        except BaseException:
            child.kill()
            raise
        child.returncode = os.waitstatus_to_exitcode(status)
        if child.returncode != 0:
            said.seek(0)
            sys.exit(f"bench: status {child.returncode} of: {' '.join(command)[:300]}\n{said.read()[-2000:]}")
    return usage.ru_utime + usage.ru_stime, usage.ru_maxrss * 1024

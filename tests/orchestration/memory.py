"""Control groups of little memory, for processes that the kernel is to kill."""

import contextlib
import uuid
from dataclasses import dataclass
from pathlib import Path

import pytest

MOUNT = Path("/sys/fs/cgroup")


@dataclass(frozen=True)
class MemoryGroup:
    """A control group, and the one that it was made in."""

    folder: Path
    above: Path

    def enter(self, process):
        """Put a process and its children there; skips the test where that is forbidden."""
        try:
            _put(process, self.folder)
        except OSError as error:
            pytest.skip(f"no process can be put into a control group here: {error}")

    def leave(self, process):
        """Take them out again, so that the group can go."""
        with contextlib.suppress(OSError):
            _put(process, self.above)


@contextlib.contextmanager
def memory_group(limit_bytes):
    """A new control group with a limit; skips the test where none can be made."""
    unified = (MOUNT / "cgroup.controllers").exists()
    above = MOUNT if unified else MOUNT / "memory"
    group = MemoryGroup(above / f"bench-test-{uuid.uuid4().hex[:8]}", above)
    try:
        group.folder.mkdir()
    except OSError as error:
        pytest.skip(f"no control group can be made here: {error}")
    try:
        _limit(group.folder, limit_bytes, unified)
        yield group
    finally:
        with contextlib.suppress(OSError):
            group.folder.rmdir()


def _limit(folder, limit_bytes, unified):
    try:
        (folder / ("memory.max" if unified else "memory.limit_in_bytes")).write_text(str(limit_bytes))
    except OSError as error:
        pytest.skip(f"no memory limit can be set here: {error}")
    with contextlib.suppress(OSError):  # else it might be swapped out
        (folder / ("memory.swap.max" if unified else "memory.swappiness")).write_text("0")


def _put(process, folder):
    for member in (process, *process.children(recursive=True)):
        (folder / "cgroup.procs").write_text(str(member.pid))

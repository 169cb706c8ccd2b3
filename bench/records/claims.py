"""Who writes a session, told by a small file beside it, also where locks do nothing or are none.

A writer puts a claim of its own into the session's folder, and then looks for others there. Claims have names
that nobody else has: of two that begin at once one at least sees the other, and one that is taken down since
its writer is gone is never another's. How old a claim is, is told by the times that its file system gave it
and the one just made: on most of them the clock of a server stands behind both.
"""

import contextlib
import json
import os
import re
import secrets
import socket
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any, Protocol

import psutil
import pyarrow as pa

from bench.errors import StoreError

REFRESH_SECONDS = 10.0
STALE_SECONDS = 60.0
"""Without a refresh, after which a writer on another machine counts as gone."""
SURE_SECONDS = 50.0
"""So long after its last refresh a writer knows that nobody counts it as gone."""
CHECK_SECONDS = 5.0
_NAME = re.compile(r"\.writer-[0-9a-f]{16}\.part")  # no part of a session, to whoever reads or copies one
_FAILED = (OSError, pa.ArrowException)


class Board(Protocol):
    """Where claims are put. What cannot be done raises an OSError or an error of pyarrow's."""

    def times(self) -> dict[str, float]:
        """The names of the files there, and when each was last written, in seconds."""

    def read(self, name: str) -> bytes:
        """The content of one."""

    def write(self, name: str, content: bytes) -> None:
        """Puts it there, or makes it as new again."""

    def remove(self, name: str) -> None:
        """Takes it down."""


class LocalBoard:
    """A folder of this machine's file systems."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def times(self) -> dict[str, float]:
        """See `Board`."""
        times = {}
        with os.scandir(self._folder) as found:
            for it in found:
                with contextlib.suppress(FileNotFoundError):  # taken down meanwhile
                    if _NAME.fullmatch(it.name) and it.is_file():  # a pipe would be waited for
                        times[it.name] = it.stat().st_mtime
        return times

    def read(self, name: str) -> bytes:
        """See `Board`."""
        return (self._folder / name).read_bytes()

    def write(self, name: str, content: bytes) -> None:
        """See `Board`; another's is never written over."""
        path = self._folder / name
        try:
            os.utime(path)
        except FileNotFoundError:
            with path.open("xb") as file:
                file.write(content)

    def remove(self, name: str) -> None:
        """See `Board`."""
        (self._folder / name).unlink()


class Claim:
    """That this process writes what `board` belongs to. Raises StoreError where another one does.

    It is refreshed until `withdraw`; whoever holds it is to ask `check` before anything is written. `mount`
    is that file system of this machine on which a lock that this process has keeps others off: their claims
    are left from before. By another mount of the same files the lock would not be seen.
    """

    def __init__(self, board: Board, where: str, mount: int | None = None) -> None:
        """Of `where`, for people. Where nothing can be put there at all, there is none to go by."""
        self._board, self._where = board, where
        self.name = f".writer-{secrets.token_hex(8)}.part"
        self._content = json.dumps({**_me(), "mount": mount}).encode()
        self._taken_by: str | None = None
        self.is_kept = False  # by an upload, which withdraws it once it has ended
        self._ended = threading.Event()
        self._turn = threading.Lock()
        self._written = _now()
        self._failed: Exception | None = None
        try:
            board.write(self.name, self._content)
            self._look_for_others(mount)
        except BaseException:
            self._remove(self.name)
            raise
        threading.Thread(target=self._keep, name="claim", daemon=True).start()

    def check(self) -> None:
        """Raises StoreError where another process has taken over what this one wrote."""
        if _now() - self._written > CHECK_SECONDS:
            self._refresh()
        if self._taken_by is not None:
            raise StoreError(
                f"{self._where}: {self._taken_by} has gone on with this session; "
                "what it had by then is kept there, end one of the two"
            )

    def doubt(self) -> Exception | None:
        """Why it was not refreshed, once others may soon call it old; None while nobody can take over."""
        if _now() - self._written < SURE_SECONDS:
            return None
        return self._failed or TimeoutError("no answer")

    def withdraw(self) -> None:
        """Others may write now."""
        self._ended.set()
        with self._turn:
            if self._taken_by is None:
                self._remove(self.name)

    def _keep(self) -> None:
        while not self._ended.wait(REFRESH_SECONDS):
            self._refresh()

    def _refresh(self) -> None:
        with self._turn:
            if self._ended.is_set() or self._taken_by is not None:
                return
            try:
                self._make_new()
                self._failed = None
            except _FAILED as error:  # tried again; `doubt` tells for how long it has been
                self._failed = error

    def _make_new(self) -> None:
        """As new again; one that is gone was taken down by whoever has one there now, or by accident."""
        begun = _now()
        is_old = begun - self._written > SURE_SECONDS  # another may have taken over, and have ended since
        try:
            times = self._board.times()
        except FileNotFoundError:  # nobody goes on with it where its folder is gone: see Journal.stay
            self._written = begun
            return
        others = [name for name in times if name != self.name]
        if (self.name not in times) + bool(others) + is_old >= 2:
            self._taken_by = _about(self._board, others[0])[1] if others else "another process"
            self._remove(self.name)
            return
        self._board.write(self.name, self._content)
        self._written = begun

    def _look_for_others(self, mount: int | None) -> None:
        times = self._board.times()
        now = times.get(self.name, 0.0)
        for name in sorted(times.keys() - {self.name}):
            about, told = _about(self._board, name)
            age = now - times[name]
            if age > STALE_SECONDS or _is_gone(about, mount):
                self._remove(name)
                continue
            raise StoreError(
                f"{self._where}: this session is still going on: {told} writes it; wait for it, or if that "
                f"is gone try again in {max(STALE_SECONDS - age, 0) + 1:.0f} s"
            )

    def _remove(self, name: str) -> None:
        with contextlib.suppress(*_FAILED):
            self._board.remove(name)


def claim_folder(folder: Path, locked: bool) -> Claim | None:
    """For a session's folder; None where no file can be made there, which other writing will tell.

    Where it is `locked`, this process has a lock there that works.
    """
    try:
        mount = folder.stat().st_dev if locked else None
        return Claim(LocalBoard(folder), str(folder), mount)
    except _FAILED:
        return None


def is_claimed(board: Board) -> bool | None:
    """Whether a living process has a claim there, as far as is known; None where nobody left any.

    Told by this machine's clock, and without a claim of its own, for whoever only looks. Raises what `board`
    does.
    """
    now, times = time.time(), board.times()
    living = (
        now - at <= STALE_SECONDS and not _is_gone(_about(board, name)[0]) for name, at in times.items()
    )
    return any(living) if times else None


def is_claim(name: str) -> bool:
    """Whether a file of that name is a claim."""
    return _NAME.fullmatch(name) is not None


def _about(board: Board, name: str) -> tuple[dict[str, Any], str]:
    """What another's claim says, and how to call whoever made it."""
    try:
        about = json.loads(board.read(name))
        return about, f"process {int(about['process'])} on {about['host']}"
    except (*_FAILED, ValueError, LookupError, TypeError, OverflowError, RecursionError):
        return {}, "another process"


def _now() -> float:
    """Seconds that go on while this machine is suspended, where it can tell."""
    return time.clock_gettime(getattr(time, "CLOCK_BOOTTIME", time.CLOCK_MONOTONIC))


def _me() -> dict[str, Any]:
    own = psutil.Process()
    return {
        "host": socket.gethostname(),
        "process": own.pid,
        "started": own.create_time() - psutil.boot_time(),
        "boot": _boot(),
        "processes": _namespace(),
    }


def _is_gone(about: dict[str, Any], mount: int | None = None) -> bool:
    """Whether it is known that the process of a claim has ended: only of one of this machine."""
    if not about or about.get("boot") != _boot():
        return False
    if mount is not None and about.get("mount") == mount:
        return True
    if about.get("processes") != _namespace():  # numbers of processes mean others in other containers
        return False
    try:
        process = psutil.Process(about["process"])
        another = abs(process.create_time() - psutil.boot_time() - float(about["started"])) > 1
        return another or process.status() == psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return True
    except (psutil.Error, LookupError, TypeError, ValueError):
        return False


def _of(read: Callable[[], str]) -> str:
    try:
        return read()
    except OSError:
        return ""


def _boot() -> str:
    """What no other machine has, nor this one after its next start; its name where nothing else is known."""
    return _of(lambda: Path("/proc/sys/kernel/random/boot_id").read_text().strip()) or socket.gethostname()


def _namespace() -> str:
    return _of(lambda: os.readlink("/proc/self/ns/pid"))  # noqa: PTH115 -- no path

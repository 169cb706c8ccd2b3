"""A Ray of one's own on this machine, in processes that end with this one, however that ends. No Ray here.

A process of its own (`head`) starts it and holds it. What goes wrong there goes wrong there: it can be
waited for, interrupted and ended, which Ray's C++ code in this process could not. It comes up while this
process does something else, such as to import Ray.
"""

import contextlib
import json
import os
import secrets
import select
import shutil
import signal
import subprocess
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from bench.errors import ClusterError
from bench.import_path import PYTHONS_OWN
from bench.machine.affinity import usable_cores
from bench.orchestration.on_ray.needs import exhausted, look_ahead, plasma_folder, socket_folder
from bench.orchestration.processes.death import last_heard, last_words
from bench.orchestration.signals import at_last, heeded, held

OBJECT_STORE_BYTES = 512 * 2**20  # nine data sets of 55 MB; pages are taken as they are used
START_SECONDS = 180.0
END_SECONDS = 20.0
LOCAL = "local"
"""What Ray takes for the address of one that is to be started here."""
_PROGRAM = Path(__file__).with_name("head.py")
# Ray's default of 15 lets any other process slow a run down. Ray spells its settings in small letters.
NICENESS = {"RAY_worker_niceness": "0"}
# A worker for each core would be started ahead, of which runs need a few, and as many would stay with nothing
# to do, which takes a hundredth of a core for each. Where memory is short, Ray would end its workers, the
# newest first, until what they held is enough. But it is runs that hold it, in processes of their own, which
# the kernel ends before all others.
_SETTINGS = {
    **NICENESS,
    "RAY_prestart_worker_first_driver": "0",
    "RAY_num_workers_soft_limit": "0",
    "RAY_memory_monitor_refresh_ms": "0",
}
USAGE_UNTOLD = {"RAY_USAGE_STATS_ENABLED": "0"}
"""Ray would tell its makers of each start, unless somebody has said otherwise."""
# What would start another Ray than the one meant here, or change what its processes' Python does.
_LEFT_OUT = PYTHONS_OWN | {
    "RAY_ADDRESS",
    "RAY_REDIS_ADDRESS",
    "RAY_RUNTIME_ENV_HOOK",
    "RAY_LOGGING_CONFIG_ENCODING",
}


def wanted_address(address: str | None, environ: Mapping[str, str] = os.environ) -> str:
    """That of the cluster to join, or `LOCAL`: what --address says, else RAY_ADDRESS."""
    return address or environ.get("RAY_ADDRESS") or LOCAL


@contextlib.contextmanager
def own_ray() -> Iterator["Own"]:
    """Begin to start Ray: `address` waits for it.

    While the block lasts its token is in the environment of this process and of those that it starts; see
    `RAY_AUTH_TOKEN` in Ray's documentation. Raises ClusterError where it cannot be started.
    """
    look_ahead()
    folder = socket_folder()
    token = {"RAY_AUTH_MODE": "token", "RAY_AUTH_TOKEN": secrets.token_hex(32)}
    environ = {name: value for name, value in os.environ.items() if name not in _LEFT_OUT}
    with _environment(token), contextlib.ExitStack() as stack:
        with held():
            own = _begin(folder, {**USAGE_UNTOLD, **environ, **token, **_SETTINGS})
            stack.callback(own.end)
            stack.enter_context(at_last(own.end))
        yield own


def _begin(folder: Path, environ: Mapping[str, str]) -> "Own":
    try:
        return Own(folder, environ)
    except OSError as error:
        shutil.rmtree(folder, ignore_errors=True)
        why = f"its process cannot be started: {error.strerror or error}; see `ulimit -a`"
        raise ClusterError(f"no Ray cluster on this machine: {exhausted([why]) or why}") from error


class Own:
    """The process that holds it, and `folder`, of Ray's sockets and logs, which is gone once it has ended.

    `lease` is this end of a pipe whose other one is the process's alone, and ends with it or with Ray's head.
    """

    def __init__(self, folder: Path, environ: Mapping[str, str]) -> None:
        self.folder, self._errors, self._kept = folder, folder / "head.err", False
        lease, its_lease = os.pipe()
        with contextlib.ExitStack() as undo, os.fdopen(its_lease, "wb"), self._errors.open("wb") as errors:
            self.lease = undo.enter_context(os.fdopen(lease, "rb", 0))
            # A session of its own: what a terminal sends to this process is not for Ray's processes.
            self._process = subprocess.Popen(
                [sys.executable, "-P", str(_PROGRAM)],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=errors,
                env=environ,
                pass_fds=[its_lease],
                start_new_session=True,
            )
            undo.pop_all()
        wanted = {
            "temp_dir": str(folder),
            "num_cpus": len(usable_cores()),
            "object_store_memory": OBJECT_STORE_BYTES,
            "plasma_directory": str(plasma_folder(folder, OBJECT_STORE_BYTES)),
            "lease": its_lease,
        }
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._input, self._output = self._process.stdin, self._process.stdout
        self._tell(json.dumps(wanted))

    def _tell(self, line: str) -> None:
        with contextlib.suppress(OSError, ValueError):  # it has ended; another thread ends it, too
            self._input.write(line.encode() + b"\n")
            self._input.flush()

    def beside(self, process_id: int) -> None:
        """Have that process ended before the folder goes, which it uses, and all that descend from it."""
        self._tell(f"beside {process_id}")

    def address(self) -> str:
        """Where Ray listens, once it does; to be asked once. Raises ClusterError where it never will.

        The folder stays, for what Ray wrote there, unless a limit of this machine is all there is to say.
        """
        with heeded():
            ready, _, _ = select.select([self._output], [], [], START_SECONDS)
            answer = self._answer() if ready else {}
        if "address" in answer:
            return str(answer["address"])
        lacking = exhausted(self._written())
        self._kept = lacking is None
        why = lacking or (self._ended(answer) if ready else f"not up after {START_SECONDS:g} s{self._logs()}")
        raise ClusterError(f"no Ray cluster on this machine: {why}")

    def why_ended(self) -> str:
        """What it ended by; to be asked once, and after its `lease` has ended.

        The folder stays, for what Ray wrote there, where that ended by itself.
        """
        answer = self._answer() or {"process": self._process.wait()}
        ((who, status),) = answer.items()
        self._kept = status not in (0, -signal.SIGKILL, -signal.SIGTERM)
        if not isinstance(status, int):
            return f"Ray on this machine is gone: {status}{self._logs()}"
        how = f"was ended by {signal.Signals(-status).name}" if status < 0 else f"ended with status {status}"
        return f"Ray on this machine is gone: its {who} {how}{self._logs() if self._kept else ''}"

    def _answer(self) -> dict[str, Any]:
        """The next thing that it tells; nothing where it ended before."""
        line = self._output.readline()
        answer: dict[str, Any] = json.loads(line) if line.endswith(b"\n") else {}
        return answer

    def _ended(self, answer: Mapping[str, str]) -> str:
        """What it said, in one line, with where there is more to read."""
        if "error" in answer:
            return f"{' '.join(answer['error'].split()).rstrip('.')}{self._logs()}"
        lines = self._errors.read_text(errors="replace").splitlines()
        heard = last_words(lines)[0] or last_heard(lines)
        return f"its process ended{f': {heard}; see {self._errors}' if heard else self._logs()}"

    def _written(self) -> Iterator[str]:
        for file in (self._errors, *self.folder.glob("session_latest/logs/*.*")):
            with contextlib.suppress(OSError):
                yield file.read_text(errors="replace")

    def _logs(self) -> str:
        logs = self.folder / "session_latest" / "logs"
        return f"; Ray's logs are in {logs}" if logs.is_dir() else f"; see {self._errors}"

    def end(self) -> None:
        """End every process of it, and wait for that."""
        with held():
            if self._kept:
                self._tell("keep")
            with contextlib.suppress(OSError, ValueError):
                self._input.close()
            try:
                self._process.wait(END_SECONDS)
            except subprocess.TimeoutExpired:
                self._process.kill()
                self._process.wait()
            self._output.close()
            self.lease.close()
            if not self._kept:
                shutil.rmtree(self.folder, ignore_errors=True)  # where it was killed, or ended by itself


@contextlib.contextmanager
def _environment(settings: Mapping[str, str]) -> Iterator[None]:
    before = {name: os.environ.get(name) for name in settings}
    os.environ.update(settings)
    try:
        yield
    finally:
        for name, value in before.items():
            if value is None:
                os.environ.pop(name, None)
            else:
                os.environ[name] = value

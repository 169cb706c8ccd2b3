"""The program of a process that holds a Ray of one's own: started by `start`, run as a file of its own.

It imports nothing of `bench`. Its standard input first brings one line of JSON, what to start; its standard
output gives one back: {"address": …}, or {"error": …}. When its input ends, however whoever started it ended,
it kills every process of that Ray, removes its folder, and ends. Of further lines "beside PID" names a
process that is killed with them, since it uses the folder, and "keep" asks to leave the folder.

Should Ray's head end before, a line {"gcs_server": STATUS} says how. Then, as where the start fails, the
lease, the writing end of a pipe, is closed, every process of that Ray is killed, and this one waits for its
end.
"""

import contextlib
import ctypes
import json
import os
import resource
import shutil
import signal
import sys
import threading
from collections.abc import Iterator, Sequence
from typing import Any

import psutil

_PR_SET_CHILD_SUBREAPER = 36  # prctl(2): what its descendants leave behind becomes its own child
_FILES = 65536  # as many as ray.init asks for
_UP_SECONDS = 30
_SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)


def main() -> None:
    """Start Ray, say where, and hold it until standard input ends."""
    told = os.dup(1)
    os.dup2(2, 1)  # whatever is printed is no answer
    # Handlers, not SIG_IGN, which every process of Ray would inherit; its end comes by its input alone.
    for number in _SIGNALS:
        signal.signal(number, lambda *_: None)
    signal.pthread_sigmask(signal.SIG_UNBLOCK, _SIGNALS)
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(_PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0)
    wanted = json.loads(sys.stdin.readline())
    lease = wanted.pop("lease")
    threading.Thread(target=_end_with_input, args=(wanted["temp_dir"],), daemon=True).start()
    try:
        node = _start(wanted)
        (gcs_server,) = node.all_processes["gcs_server"]
        _tell(told, address=str(node.gcs_address))
        _tell(told, gcs_server=gcs_server.process.wait())
    except BaseException as error:
        _tell(told, error=f"{type(error).__name__}: {error}")
    os.close(lease)  # first: what ends then ends for it
    _kill_all([psutil.Process()])
    # Processes of Ray end with the thread that started them (PR_SET_PDEATHSIG): this one stays.
    threading.Event().wait()


def _tell(told: int, **answer: object) -> None:
    with contextlib.suppress(OSError):  # nobody listens any more
        os.write(told, json.dumps(answer).encode() + b"\n")


def _start(wanted: dict[str, Any]) -> Any:  # noqa: ANN401
    """What `ray.init(address="local")` starts, without the driver that it makes of the process.

    And without what belongs to the dashboard: its packages, as where Ray is installed without them, and the
    API server. They would take a second to start, and one of each core.
    """
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (max(soft, min(hard, _FILES)), hard))
    sys.modules["ray.dashboard.optional_deps"] = None  # type: ignore[assignment]  # cannot be imported
    from ray._private import services
    from ray._private.node import Node
    from ray._private.parameter import RayParams
    from ray._private.resource_isolation_config import ResourceIsolationConfig

    class BareNode(Node):  # type: ignore[misc]  # ray is untyped
        def start_api_server(self, **options: Any) -> None:  # noqa: ANN401
            """Without the dashboard it has but one use: to tell Ray's makers, where somebody wants that."""
            self._webui_url = None
            if os.environ.get("RAY_USAGE_STATS_ENABLED") != "0":
                super().start_api_server(**options)

        def start_ray_processes(self) -> None:
            """Ray looks but once a second whether they are up (GetNode in its C++ code), even if one died."""
            super().start_ray_processes()
            for _ in range(_UP_SECONDS):
                with contextlib.suppress(TimeoutError):
                    services.wait_for_node(self.gcs_address, self.plasma_store_socket_name, 1)
                    return
                if dead := [name for name, _ in self.dead_processes()]:
                    raise RuntimeError(f"{' and '.join(dead)} ended")

    parameters = RayParams(
        include_dashboard=False,
        dashboard_port=None,
        include_log_monitor=False,  # it would print at the driver what workers print
        no_monitor=True,  # nothing is scaled here
        resource_isolation_config=ResourceIsolationConfig(enable_resource_isolation=False),
        **wanted,
    )
    return BareNode(parameters, head=True, shutdown_at_exit=False, spawn_reaper=True, ray_init_cluster=True)


def _end_with_input(folder: str) -> None:
    kept, beside = False, list[psutil.Process]()
    for line in sys.stdin:
        kept = kept or line == "keep\n"
        if line.startswith("beside "):
            with contextlib.suppress(psutil.NoSuchProcess):  # its number may be another's by the end
                beside.append(psutil.Process(int(line.split()[1])))
    _kill_all([psutil.Process(), *beside])
    if not kept:
        shutil.rmtree(folder, ignore_errors=True)
    os._exit(0)


def _kill_all(roots: Sequence[psutil.Process]) -> None:
    while left := [process for process in _all(roots) if _kill(process)]:
        psutil.wait_procs(left, timeout=1.0)


def _all(roots: Sequence[psutil.Process]) -> Iterator[psutil.Process]:
    """They, less this process, and all that descend from them."""
    for root in roots:
        with contextlib.suppress(psutil.NoSuchProcess):
            descended = root.children(recursive=True)
            if root.pid != os.getpid():
                yield root  # first: it starts no more then
            yield from descended


def _kill(process: psutil.Process) -> bool:
    """Whether there was something to kill: what has ended and waits to be reaped needs no more."""
    try:
        if process.status() == psutil.STATUS_ZOMBIE:
            return False
        process.kill()
    except psutil.NoSuchProcess:
        return False
    return True


if __name__ == "__main__":
    main()

"""Real Ray clusters for tests: several nodes on this machine, or hosts that are network namespaces of it.

Each has a folder, ports and, where it starts with `ray start`, a token of its own, so that it neither meets
nor disturbs another Ray on this machine. Whatever happens inside, no process of it is left afterwards.
"""

import contextlib
import os
import shutil
import socket
import subprocess
import sys
import tempfile
import time
import uuid
from dataclasses import dataclass, field
from pathlib import Path

import psutil
import pytest

from tests.caches import cache_with_digits

GONE_SECONDS = 30.0
COMMAND_SECONDS = 120.0
RUN, FORKS = "bench-run", "bench-forks"  # what processes of runs are called, and what they come from
RAY = str(Path(sys.executable).with_name("ray"))
ROOT = Path(__file__).parents[2]

# Joins a cluster and prints the names of its nodes, or the one line that says why it could not.
JOIN = """
import sys
from bench.errors import ClusterError
from bench.orchestration.on_ray.cluster import inspect_nodes, ray_cluster
try:
    with ray_cluster(sys.argv[1] or None):
        print(*(node.name for node in inspect_nodes()[0]))
except ClusterError as error:
    sys.exit(str(error))
"""

MARK = "BENCH_TEST_MARK"
_DEVICE = "veth0"
_PORTS = (6379, 10001)  # Ray's own, where a host has all of its ports to itself
_COMMON = ("--min-worker-port", 0, "--max-worker-port", 0, "--disable-usage-stats")
# A node whose link is cut counts as dead after about five seconds, not after half a minute.
_IMPATIENT = {
    "RAY_health_check_initial_delay_ms": "1000",
    "RAY_health_check_period_ms": "1000",
    "RAY_health_check_timeout_ms": "2000",
    "RAY_health_check_failure_threshold": "3",
}

# Who is there but busy with others' work may take longer to answer; who is not refuses at once.
_PATIENT_WITH_THE_BUSY = {"RAY_health_check_timeout_ms": "10000"}

# Else a worker for each CPU is started ahead, which takes it a second.
_NO_MORE_THAN_ASKED = {"RAY_prestart_worker_first_driver": "0"}


@contextlib.contextmanager
def nodes_here(*nodes):
    """A cluster of several nodes in this machine, the first its head; gives a `ray.cluster_utils.Cluster`.

    Each of `nodes` is what `Cluster.add_node` takes: num_cpus, num_gpus (none has to be there), resources,
    node_name, labels, env_vars.
    """
    from ray.cluster_utils import Cluster

    with _ended() as mark, _short_folder() as folder, pytest.MonkeyPatch.context() as patch:
        patch.setenv(MARK, mark)
        patch.setenv("RAY_TMPDIR", str(folder))
        # Ray's own default, whatever was set before in this process.
        settings = _IMPATIENT | _PATIENT_WITH_THE_BUSY | _NO_MORE_THAN_ASKED | {"RAY_worker_niceness": "15"}
        for name, value in settings.items():
            patch.setenv(name, value)
        cluster = Cluster()
        try:
            for node in nodes:
                cluster.add_node(include_dashboard=False, no_monitor=True, **node)  # nothing is scaled
            yield cluster
        finally:
            cluster.shutdown()


@dataclass(frozen=True)
class Host:
    """Somewhere to run commands: this machine, or a namespace of it that has an address of its own."""

    name: str
    address: str
    environ: dict
    prefix: tuple = ()
    started: list = field(default_factory=list)

    def start(self, *command, without=(), cwd=None, **environ):
        """A command that goes on; its output, both kinds together, is in `stdout`. Ended with the host."""
        given = {k: v for k, v in (self.environ | environ).items() if k not in without}
        process = subprocess.Popen(
            [*self.prefix, *map(str, command)],
            env=given,
            cwd=cwd,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )
        self.started.append(process)
        return process

    def run(self, *command, **options):
        """A command's exit status and output, once it has ended. Past its time everything here ends."""
        process = self.start(*command, **options)
        try:
            output, _ = process.communicate(timeout=COMMAND_SECONDS)
        except subprocess.TimeoutExpired:
            _end(self.environ[MARK])
            pytest.fail(f"{command} still ran after {COMMAND_SECONDS:g} s; {process.communicate()[0]}")
        return process.returncode, output

    def check(self, *command, **options):
        """The output of a command that has to end well."""
        status, output = self.run(*command, **options)
        assert status == 0, output
        return output

    def python(self, script, *arguments, **options):
        """Exit status and output of a Python script."""
        return self.run(sys.executable, "-c", script, *arguments, **options)

    def processes(self):
        """All that run on this host, by whoever they were started."""
        return marked(self.environ[MARK])


@dataclass(frozen=True)
class Link:
    """What joins two hosts."""

    hosts: tuple

    def cut(self):
        """Nothing gets through any more, and nobody is told."""
        for host in self.hosts:
            _ip("-n", host.name, "link", "set", _DEVICE, "down")

    def mend(self):
        """As before the cut."""
        for host, other in (self.hosts, reversed(self.hosts)):
            _ip("-n", host.name, "link", "set", _DEVICE, "up")
            # Without a way out Ray would take 127.0.0.1 for this host's address.
            _ip("-n", host.name, "route", "replace", "default", "via", other.address)


@contextlib.contextmanager
def this_machine():
    """This machine as a host, with a token of its own."""
    with _host("this machine", "127.0.0.1") as host:
        yield host


@contextlib.contextmanager
def two_hosts():
    """Two hosts with addresses of their own, 10.77.0.1 and 10.77.0.2, and the link that joins them.

    Skips where this environment forbids network namespaces; in CI, where the variable CI says so, it fails.
    """
    names = [f"bench-{uuid.uuid4().hex[:6]}" for _ in range(2)]
    addresses = ["10.77.0.1", "10.77.0.2"]
    with contextlib.ExitStack() as stack:
        with _permitted():
            for name in names:
                _ip("netns", "add", name)
                stack.callback(_ip, "netns", "delete", name)
            _ip("link", "add", _DEVICE, "netns", names[0], "type", "veth", "peer", _DEVICE, "netns", names[1])
        token = uuid.uuid4().hex
        hosts = tuple(
            stack.enter_context(_host(name, address, ("ip", "netns", "exec", name), token))
            for name, address in zip(names, addresses, strict=True)
        )
        for host in hosts:
            _ip("-n", host.name, "link", "set", "lo", "up")
            _ip("-n", host.name, "address", "add", f"{host.address}/24", "dev", _DEVICE)
        link = Link(hosts)
        link.mend()
        yield *hosts, link


def start_head(host, *options):
    """`ray start --head` on a host, on ports that nobody else has; gives the cluster's address."""
    port, client_port = _PORTS if host.prefix else (free_port(), free_port())
    ports = ("--port", port, "--ray-client-server-port", client_port)
    host.check(RAY, "start", "--head", *ports, *_COMMON, *options)
    return f"{host.address}:{port}"


def start_node(host, address, *options):
    """`ray start` on a host: a further node of the cluster at `address`."""
    host.check(RAY, "start", "--address", address, *_COMMON, *options)


def processes_of_clusters():
    """All that the cluster started that this process is in, and that run now."""
    return marked(os.environ[MARK])


def alive(process):
    """Whether it runs; a zombie that nobody has reaped does not."""
    with contextlib.suppress(psutil.NoSuchProcess):
        return process.is_running() and process.status() != psutil.STATUS_ZOMBIE
    return False


def names(processes):
    """Theirs, less those that have ended meanwhile."""
    found = []
    for process in processes:
        with contextlib.suppress(psutil.NoSuchProcess):
            found.append(process.name())
    return found


def is_run(process):
    """Whether it is the process of a run, which lives."""
    with contextlib.suppress(psutil.Error):
        return process.name() == RUN and alive(process)
    return False


def await_end(processes):
    """Until none of them runs: sooner than Ray gives up what it cannot reach, which takes a minute."""
    until = time.monotonic() + GONE_SECONDS
    while left := [process for process in processes if alive(process)]:
        assert time.monotonic() < until, left
        psutil.wait_procs(left, timeout=0.1)


def until(condition):
    """Return once it holds, and leave the cores meanwhile to those who see to that."""
    end = time.monotonic() + COMMAND_SECONDS
    while not condition():
        assert time.monotonic() < end
        time.sleep(0.02)


def free_port():
    """One that nobody listens on now."""
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        return listener.getsockname()[1]


@contextlib.contextmanager
def _host(name, address, prefix=(), token=None):
    with _ended() as mark, _short_folder() as folder:
        kept = {k: v for k, v in os.environ.items() if not k.startswith("RAY_")}
        environ = (
            kept
            | _IMPATIENT
            | {
                MARK: mark,
                "HOME": str(folder),  # no other cluster's token
                "BENCH_CACHE": str(cache_with_digits(folder / "cache")),
                "PATH": os.pathsep.join([str(Path(sys.executable).parent), os.environ["PATH"]]),
                "RAY_TMPDIR": str(folder),
                "RAY_AUTH_MODE": "token",
                "RAY_AUTH_TOKEN": token or uuid.uuid4().hex,
            }
        )
        host = Host(name, address, environ, tuple(prefix))
        try:
            yield host
        finally:
            _end(mark)
            for process in host.started:
                process.communicate()


@contextlib.contextmanager
def _ended():
    """A mark for the environment of processes; none that has it, or descends from one, outlives the block."""
    mark = uuid.uuid4().hex
    try:
        yield mark
    finally:
        _end(mark)
    assert not marked(mark)


def _end(mark):
    until = time.monotonic() + GONE_SECONDS
    while left := marked(mark):
        assert time.monotonic() < until, left
        for process in left:
            with contextlib.suppress(psutil.NoSuchProcess):
                process.kill()
        psutil.wait_procs(left, timeout=1.0)


def marked(mark):
    """The processes that have this mark in their environment, whoever started them, by however many steps."""
    found = []
    for process in psutil.process_iter():
        try:
            theirs = None if process.status() == psutil.STATUS_ZOMBIE else process.environ().get(MARK)
        except psutil.Error:  # not ours, or gone
            continue
        if theirs == mark:
            found.append(process)
    return found


@contextlib.contextmanager
def _short_folder():
    """Ray's sockets are in it, and a socket's path has 107 characters at most."""
    folder = Path(tempfile.mkdtemp(prefix="b", dir="/tmp"))
    try:
        yield folder
    finally:
        shutil.rmtree(folder, ignore_errors=True)


@contextlib.contextmanager
def _permitted():
    try:
        yield
    except (OSError, subprocess.CalledProcessError) as error:
        reason = f"no network namespaces here: {getattr(error, 'stderr', None) or error}"
        if os.environ.get("CI"):
            pytest.fail(reason)
        pytest.skip(reason)


def _ip(*arguments):
    subprocess.run(["ip", *map(str, arguments)], check=True, capture_output=True, text=True)

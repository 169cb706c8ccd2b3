import dataclasses
import os
import subprocess
import sys
import threading
from pathlib import Path

import pytest

import bench
from bench.errors import BenchError
from bench.machine import load
from bench.machine.affinity import allowed_cores
from bench.machine.load import CpuMeter, CpuUse, contended, throttled_cpu

ROOT = Path(bench.__file__).parents[1]
TICKS = os.sysconf("SC_CLK_TCK")

needs_affinity = pytest.mark.skipif(not hasattr(os, "sched_setaffinity"), reason="no CPU affinity here")

IDLE = CpuUse(
    cores=(0, 1),
    seconds=10.0,
    process_cpu_seconds=19.0,
    others_cpu_seconds=0.0,
    others_fraction=0.0,
    node_others_cpu_seconds=0.0,
    node_others_fraction=0.0,
    steal_seconds=0.0,
    cgroup_throttled_seconds=None,
    load_average=2.0,
    peak_host_bytes=2**30,
    peak_is_of_run=True,
    major_faults=0,
    involuntary_switches=0,
)


def used(**changes):
    return dataclasses.replace(IDLE, **changes)


def write_stat(root, *cores):
    """Lines of /proc/stat from (user, idle, steal) ticks per core."""
    rows = [f"cpu{core} {user} 0 0 {idle} 0 0 0 {steal} 0 0" for core, user, idle, steal in cores]
    path = root / "proc/stat"
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("\n".join(["cpu 1 2 3 4 5 6 7 8 9 10", *rows, "intr 1 2 3", ""]))


def test_others_are_the_busy_time_of_the_runs_cores_alone(tmp_path):
    write_stat(tmp_path, (0, 100, 50, 0), (2, 700, 50, 5), (3, 0, 0, 0))
    meter = CpuMeter([2], tmp_path)
    meter.start()
    write_stat(tmp_path, (0, 100 + 30 * TICKS, 50, 0), (2, 700 + 4 * TICKS, 50, 5 + TICKS), (3, 0, 99, 0))
    use = meter.stop()
    assert use.others_cpu_seconds == pytest.approx(4.0 - use.process_cpu_seconds)
    assert use.node_others_cpu_seconds == pytest.approx(34.0 - use.process_cpu_seconds)
    assert use.steal_seconds == pytest.approx(1.0)
    assert use.others_fraction == pytest.approx(use.others_cpu_seconds / use.seconds)
    assert use.node_others_fraction == pytest.approx(use.node_others_cpu_seconds / (3 * use.seconds))
    assert contended(use)


def test_a_quiet_machine_is_not_contended(tmp_path):
    write_stat(tmp_path, (0, 100, 50, 0))
    meter = CpuMeter([0], tmp_path)
    meter.start()
    use = meter.stop()
    assert use.others_cpu_seconds == 0.0
    assert not contended(use)


def test_contention_is_past_five_percent_of_the_cores():
    assert not contended(used(others_cpu_seconds=0.4))
    assert not contended(used(others_cpu_seconds=0.99))
    assert contended(used(others_cpu_seconds=1.01))


def test_steal_counts_as_contention():
    assert contended(used(others_cpu_seconds=0.6, steal_seconds=0.5))


def test_one_busy_competitor_contends_a_run_on_many_cores():
    many = tuple(range(64))
    assert contended(used(cores=many, others_cpu_seconds=5.1))
    assert not contended(used(cores=many, others_cpu_seconds=4.9))


def test_what_the_ticks_cannot_resolve_is_no_contention():
    assert not contended(used(seconds=0.1, others_cpu_seconds=0.02))
    assert contended(used(seconds=0.1, others_cpu_seconds=0.03))


def test_throttling_is_past_one_percent_of_the_time():
    assert not throttled_cpu(IDLE)
    assert not throttled_cpu(used(cgroup_throttled_seconds=0.09))
    assert throttled_cpu(used(cgroup_throttled_seconds=0.11))


def test_the_quotas_throttling_during_the_run_is_measured(tmp_path):
    write_stat(tmp_path, (0, 0, 0, 0))
    group = tmp_path / "sys/fs/cgroup"
    group.mkdir(parents=True)
    (group / "cgroup.controllers").write_text("cpu")
    (group / "cpu.stat").write_text("throttled_usec 1000000\n")
    meter = CpuMeter([0], tmp_path)
    meter.start()
    (group / "cpu.stat").write_text("throttled_usec 1250000\n")
    use = meter.stop()
    assert use.cgroup_throttled_seconds == pytest.approx(0.25)
    assert throttled_cpu(use)


def test_the_peak_is_reset_and_read_where_permitted(tmp_path):
    write_stat(tmp_path, (0, 0, 0, 0))
    process = tmp_path / "proc/self"
    process.mkdir()
    (process / "clear_refs").write_text("")
    (process / "status").write_text("VmPeak:\t 9 kB\nVmHWM:\t 2048 kB\n")
    meter = CpuMeter([0], tmp_path)
    meter.start()
    use = meter.stop()
    assert (process / "clear_refs").read_text() == "5"
    assert use.peak_host_bytes == 2048 * 1024
    assert use.peak_is_of_run


def test_without_proc_the_peak_is_the_processs(tmp_path):
    write_stat(tmp_path, (0, 0, 0, 0))
    meter = CpuMeter([0], tmp_path)
    meter.start()
    use = meter.stop()
    assert not use.peak_is_of_run
    assert use.peak_host_bytes > 2**20


def test_stopping_before_starting_is_an_error():
    with pytest.raises(BenchError, match="start the meter first"):
        CpuMeter([0]).stop()


def test_the_cores_are_those_allowed_unless_said():
    meter = CpuMeter()
    meter.start()
    assert meter.stop().cores == allowed_cores()


def test_the_real_peak_follows_what_the_run_touches():
    meter = CpuMeter()
    meter.start()
    before = meter.stop().peak_host_bytes
    meter.start()
    block = bytearray(b"x") * (64 * 2**20)
    after = meter.stop().peak_host_bytes
    del block
    assert after - before > 48 * 2**20
    meter.start()
    later = meter.stop()
    assert not later.peak_is_of_run or later.peak_host_bytes < after - 32 * 2**20


BUSY = (
    "import os, sys, time\n"
    "os.sched_setaffinity(0, [int(sys.argv[1])])\n"
    "print('ready', flush=True)\n"
    "sys.stdin.readline()\n"
    "end = time.process_time() + 0.3\n"
    "while time.process_time() < end: pass\n"
)


METER = (
    "import sys\n"
    "from bench.machine.load import CpuMeter, contended\n"
    "meter = CpuMeter([int(sys.argv[1])])\n"
    "meter.start()\n"
    "print('ready', flush=True)\n"
    "sys.stdin.readline()\n"
    "use = meter.stop()\n"
    "print(use.others_cpu_seconds, contended(use))\n"
)


def on_core(code, core):
    return subprocess.Popen(
        [sys.executable, "-c", code, str(core)],
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )


@needs_affinity
def test_a_busy_process_on_the_same_core_contends_it():
    core = allowed_cores()[-1]
    with on_core(BUSY, core) as other, on_core(METER, core) as meter:
        assert other.stdout.readline() == meter.stdout.readline() == "ready\n"
        other.communicate("go\n", timeout=60)
        told, _ = meter.communicate("go\n", timeout=60)
    assert other.returncode == 0
    seconds, contends = told.split()
    assert float(seconds) > 0.2
    assert contends == "True"


@needs_affinity
def test_an_idle_core_is_not_contended():
    meter = CpuMeter(allowed_cores()[-1:])
    for _ in range(20):
        meter.start()
        threading.Event().wait(0.1)
        if not contended(meter.stop()):
            return
    pytest.skip("somebody else keeps this machine busy")


def metered(work):
    """Seconds that `work` took in a process pinned to one core, its own CPU seconds there, and others'."""
    core = allowed_cores()[-1]
    code = (
        "import subprocess, sys, time\n"
        "from bench.machine.affinity import pin\n"
        "from bench.machine.load import CpuMeter\n"
        f"assert pin([{core}]).pinned\n"
        f"meter = CpuMeter([{core}])\n"
        "meter.start()\n"
        f"{work}"
        "use = meter.stop()\n"
        "print(use.seconds, use.process_cpu_seconds, use.others_cpu_seconds)\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", code],
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        capture_output=True,
        text=True,
        timeout=60,
        check=True,
    )
    return map(float, done.stdout.split())


@needs_affinity
def test_the_runs_own_work_is_not_somebody_elses():
    # Ours and others' together never exceed what the core can give, whoever else is on this machine.
    seconds, own, others = metered(
        "end = time.process_time() + 0.3\nwhile time.process_time() < end: pass\n",
    )
    assert own >= 0.3
    assert own + others < seconds + 0.05


SPIN = (
    "import sys, time\n"
    "end = time.process_time() + 0.3\n"
    "while time.process_time() < end: pass\n"
    "print('done', flush=True)\n"
    "sys.stdin.readline()\n"
)
NESTED = f"import subprocess, sys\nsys.exit(subprocess.run([sys.executable, '-c', {SPIN!r}]).returncode)\n"


def busy_child(code=SPIN):
    return subprocess.Popen(
        [sys.executable, "-c", code], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    )


def meter_of_nobody_else(root):
    """A meter to whose root no core is ever busy, so that whatever the run is said to use is its own."""
    write_stat(root, (0, 0, 0, 0))
    return CpuMeter([0], root)


def test_what_a_child_that_ended_used_is_the_runs_own(tmp_path):
    meter = meter_of_nobody_else(tmp_path)
    meter.start()
    with busy_child() as child:
        child.communicate("go\n", timeout=60)
    assert meter.stop().process_cpu_seconds > 0.25


@pytest.mark.parametrize("code", [SPIN, NESTED])
def test_what_a_child_that_still_runs_used_is_the_runs_own(code):
    meter = CpuMeter()
    meter.start()
    with busy_child(code) as child:
        assert child.stdout.readline() == "done\n"
        use = meter.stop()
        child.communicate("go\n", timeout=60)
    assert use.process_cpu_seconds > 0.25


def test_what_a_child_used_before_the_start_does_not_count():
    meter = CpuMeter()
    with busy_child() as child:
        assert child.stdout.readline() == "done\n"
        meter.start()
        child.communicate("go\n", timeout=60)
    assert meter.stop().process_cpu_seconds < 0.25


def test_children_are_those_that_the_kernel_lists_for_each_thread(tmp_path):
    meter = meter_of_nobody_else(tmp_path)
    with busy_child() as child:
        for thread, children in (("1", ""), ("2", f"{child.pid} ")):
            path = tmp_path / "proc/self/task" / thread / "children"
            path.parent.mkdir(parents=True)
            path.write_text(children)
        meter.start()
        assert child.stdout.readline() == "done\n"
        use = meter.stop()
        child.communicate("go\n", timeout=60)
    assert use.process_cpu_seconds > 0.2


def test_a_child_that_ends_unwaited_for_takes_nothing_from_the_runs_own(tmp_path, monkeypatch):
    seconds = iter([5.0, 1.0])
    monkeypatch.setattr(load, "_children_seconds", lambda _: next(seconds))
    meter = meter_of_nobody_else(tmp_path)
    meter.start()
    assert meter.stop().process_cpu_seconds >= 0.0


@needs_affinity
def test_a_busy_child_on_the_runs_core_is_nobody_else():
    spin = f"[sys.executable, '-c', {SPIN!r}]"
    seconds, own, others = metered(
        f"subprocess.run({spin}, input='', text=True, stdout=subprocess.DEVNULL)\n",
    )
    assert own >= 0.3
    assert own + others < seconds + 0.05

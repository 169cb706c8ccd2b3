import os
import subprocess
import sys
from pathlib import Path

import pytest

import bench
from bench.machine.affinity import allowed_cores, cores_near_gpu, cpu_quota, pin

ROOT = Path(bench.__file__).parents[1]

needs_affinity = pytest.mark.skipif(not hasattr(os, "sched_setaffinity"), reason="no CPU affinity here")


def run_python(code):
    """Run in a process of its own: pinning the test's own process would change every test after it."""
    done = subprocess.run(
        [sys.executable, "-c", code],
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        capture_output=True,
        text=True,
        timeout=30,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return done.stdout.split()


@needs_affinity
def test_pinning_changes_the_affinity_and_reads_it_back():
    core = allowed_cores()[-1]
    out = run_python(
        "import os\n"
        "from bench.machine.affinity import allowed_cores, pin\n"
        f"pinning = pin([{core}])\n"
        "print(pinning.pinned, *pinning.cores, *os.sched_getaffinity(0), *allowed_cores())\n"
    )
    assert out == ["True", str(core), str(core), str(core)]


@needs_affinity
def test_a_thread_that_ran_before_is_pinned_too():
    core = allowed_cores()[-1]
    out = run_python(
        "import os, threading\n"
        "from bench.machine.affinity import pin\n"
        "started, pinned, masks = threading.Event(), threading.Event(), []\n"
        "def work():\n"
        "    started.set()\n"
        "    pinned.wait()\n"
        "    masks.extend(os.sched_getaffinity(0))\n"
        "thread = threading.Thread(target=work)\n"
        "thread.start()\n"
        "started.wait()\n"
        f"pin([{core}])\n"
        "pinned.set()\n"
        "thread.join()\n"
        "print(*masks)\n"
    )
    assert out == [str(core)]


@needs_affinity
def test_niceness_is_that_of_the_worst_thread_read_back():
    # Ray starts its workers at 15. Back to 0 takes privilege, so either answer is right if it is the truth.
    out = run_python(
        "import os, threading\n"
        "from bench.machine.affinity import allowed_cores, pin\n"
        "done, started = threading.Event(), threading.Event()\n"
        "os.nice(15)\n"
        "thread = threading.Thread(target=lambda: (started.set(), done.wait()))\n"
        "thread.start()\n"
        "started.wait()\n"
        "pinning = pin(allowed_cores())\n"
        "print(pinning.niceness, os.getpriority(os.PRIO_PROCESS, thread.native_id))\n"
        "done.set()\n"
    )
    assert out in (["0", "0"], ["15", "15"])


@needs_affinity
def test_cores_that_do_not_exist_leave_the_process_unpinned():
    out = run_python(
        "from bench.machine.affinity import allowed_cores, pin\n"
        "before = allowed_cores()\n"
        "pinning = pin([4000])\n"
        "print(pinning.pinned, pinning.cores == before)\n"
    )
    assert out == ["False", "True"]


def test_without_affinity_nothing_is_pinned(monkeypatch):
    monkeypatch.delattr(os, "sched_setaffinity", raising=False)
    monkeypatch.delattr(os, "sched_getaffinity", raising=False)
    # Setting niceness is real and would stay: only the reading is wanted here.
    monkeypatch.setattr(os, "setpriority", lambda *_: None)
    pinning = pin([0])
    assert not pinning.pinned
    assert pinning.cores == tuple(range(os.cpu_count()))


@needs_affinity
def test_the_cpuset_bounds_the_allowed_cores(tmp_path):
    mask = sorted(os.sched_getaffinity(0))
    group = tmp_path / "sys/fs/cgroup"
    group.mkdir(parents=True)
    (group / "cgroup.controllers").write_text("cpu cpuset")
    (group / "cpuset.cpus.effective").write_text(f"{mask[0]},4000")
    (group / "cpu.max").write_text("250000 100000")
    assert allowed_cores(tmp_path) == (mask[0],)
    assert cpu_quota(tmp_path) == 2.5


def test_the_cores_near_a_gpu_are_what_nvml_says():
    class Near:
        def cores_near(self, index):
            return {0: (0, 1), 1: (2, 3)}[index]

    assert cores_near_gpu(1, Near()) == (2, 3)

"""Why a process died: from made-up last words, then from processes that really died."""

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

import bench
from bench.machine.files import read_text
from bench.orchestration.processes.death import LONGEST, Birth, Remains, birth, cause, remains
from tests.orchestration.memory import memory_group

ROOT = Path(bench.__file__).parents[1]
BORN = Birth(4897, "/logs/worker.err", {}, 1400 * 2**20)
START = (
    ":job_id:01000000",
    ":actor_name:RayWorker",
    "WARNING: All log messages before absl::InitializeLog() is called are written to STDERR",
    "I0000 00:00:1795803048.119456    4897 port.cc:153] oneDNN custom operations are on.",
    "E0000 00:00:1795803049.286805    4897 cuda_platform.cc:52] failed call to cuInit: INTERNAL: CUDA error",
    "E0000 00:00:1795803050.286805    4897 text_format.cc:378] Error parsing text-format "
    "tensorflow.XlaSerializedCacheEntry: 2:1: Expected identifier, got: 4",
    "E0000 00:00:1795803050.296805    4897 cpu_aot_loader.cc:220] Loading XLA:CPU AOT result. Target machine "
    "feature +prefer-no-gather is not  supported on the host machine.",
)
UNKNOWN_FLAG = (
    "F0000 00:00:1795803049.772016    5053 parse_flags_from_env.cc:234] Unknown flag in XLA_FLAGS: --xla_no=1"
)
ABORTED = (
    "Fatal Python error: Aborted",
    "",
    "Stack (most recent call first):",
    '  File "/site/tensorflow/python/eager/context.py", line 1569 in call_function',
    "",
    "Extension modules: numpy._core._multiarray_umath (total: 1)",
)
SEGFAULT = ("Fatal Python error: Segmentation fault", *ABORTED[1:])
CPP = ("terminate called after throwing an instance of 'std::bad_alloc'", "  what():  std::bad_alloc")
PEER = (
    "2026-11-27 18:10:49.772016: F external/xla/client.h:88] Terminating process because the coordinator "
    "detected: /job:worker/task:1 stopped sending heartbeats"
)


WANT = "for want of memory"


def told(*lines, oom_kills=(), kind="cpu"):
    status, text = cause(BORN, Remains((*START, *lines), oom_kills), kind)
    assert "\n" not in text
    return status, text


ENDED = [
    ((UNKNOWN_FLAG,), "ended itself: Unknown flag in XLA_FLAGS: --xla_no=1"),
    ((UNKNOWN_FLAG, *ABORTED), "ended itself (SIGABRT): Unknown flag in XLA_FLAGS: --xla_no=1"),
    (
        ("F0000 00:00:1.2 7 a.cc:1] Check failed: n > 0 (0 vs. 0)",),
        "ended itself: Check failed: n > 0 (0 vs. 0)",
    ),
    (SEGFAULT, "ended itself (SIGSEGV): Segmentation fault"),
    (("*** SIGBUS received at time=17 on cpu 1 ***",), "ended itself (SIGBUS): SIGBUS"),
    (("free(): invalid pointer", *ABORTED), "ended itself (SIGABRT): free(): invalid pointer"),
    (
        ("double free or corruption (!prev)", *ABORTED),
        "ended itself (SIGABRT): double free or corruption (!prev)",
    ),
    (
        ("terminate called after throwing an instance of 'std::length_error'", "  what():  vector", *ABORTED),
        "ended itself (SIGABRT): terminate called after throwing an instance of 'std::length_error': vector",
    ),
    (
        ("python: symbol lookup error: /site/libx.so: undefined symbol: y",),
        "ended itself: python: symbol lookup error: /site/libx.so: undefined symbol: y",
    ),
]


@pytest.mark.parametrize(("lines", "text"), ENDED)
def test_who_ends_itself_has_failed_and_would_do_so_again(lines, text):
    assert told(*lines) == ("failed", f"its process 4897 {text}")


def test_whom_the_kernel_killed_for_memory_ran_out_of_it():
    expected = (
        "the kernel killed its process 4897 for want of memory, of which its control group has 1,400 MiB"
    )
    assert told(oom_kills=("f",)) == ("oom_host", expected)
    assert cause(Birth(7), Remains((), ("f",)), "gpu") == (
        "oom_host",
        "the kernel killed its process 7 for want of memory",
    )


def test_who_ends_itself_while_others_are_killed_has_failed():
    assert told(UNKNOWN_FLAG, oom_kills=("f",))[0] == "failed"


@pytest.mark.parametrize(
    ("line", "kind", "status"),
    [
        (CPP, "gpu", "oom_host"),
        (("F0000 00:00:1.2 7 a.cc:1] CUDA_ERROR_OUT_OF_MEMORY: out of memory",), "gpu", "oom_device"),
        (("F0000 00:00:1.2 7 a.cc:1] RESOURCE_EXHAUSTED: Out of memory",), "cpu", "oom_host"),
    ],
)
def test_who_ends_itself_for_want_of_memory_says_of_which(line, kind, status):
    assert told(*line, kind=kind)[0] == status


def test_who_ends_itself_since_a_peer_is_gone_is_lost_as_the_peer_is():
    status, text = told(PEER)
    assert status == "lost"
    assert "stopped sending heartbeats" in text


def test_of_whom_nothing_is_known_is_lost():
    assert told() == (
        "lost",
        "its process 4897 is gone without a reason, as if killed from outside",
    )
    assert told("*** SIGTERM received at time=1 on cpu 0 ***")[0] == "lost"
    assert told("something was printed")[1].endswith("; its last words: something was printed")
    assert told("E0000 00:00:1.2 7 a.cc:1] no disk", "I0000 00:00:1.2 7 a.cc:1] done")[1].endswith(
        ": no disk"
    )


KILLED = "its process 4897 is gone without a reason, as if killed from outside"


@pytest.mark.parametrize(
    ("exit_status", "status", "text"),
    [
        (3, "failed", "its process 4897 ended with exit status 3 before its run was over"),
        (0, "failed", "its process 4897 ended with exit status 0 before its run was over"),
        (-signal.SIGSEGV, "failed", "its process 4897 ended itself (SIGSEGV) without a word"),
        (-signal.SIGKILL, "lost", KILLED),
        (-signal.SIGTERM, "lost", KILLED),
    ],
)
def test_an_exit_status_says_who_ended_it_where_nothing_else_does(exit_status, status, text):
    assert cause(BORN, Remains(), "cpu", exit_status) == (status, text)


def test_last_words_say_more_than_an_exit_status():
    status, text = cause(BORN, Remains((UNKNOWN_FLAG,)), "cpu", 1)
    assert (status, text) == (
        "failed",
        "its process 4897 ended itself: Unknown flag in XLA_FLAGS: --xla_no=1",
    )


def test_a_reason_has_a_sane_length():
    status, text = told(f"F0000 00:00:1.2 7 a.cc:1] {'x' * 10_000}")
    assert status == "failed"
    assert len(text) == LONGEST


CHILD = """
import ctypes, faulthandler, os, pickle, signal, sys
faulthandler.enable()
from bench.orchestration.processes.death import birth
sys.stdout.buffer.write(pickle.dumps(birth()))
sys.stdout.buffer.flush()
os.close(1)
sys.stdin.read()
ACT
"""


@pytest.fixture
def dead(tmp_path):
    """Call with what a process does at its end, and where it was put; gives its birth and its status."""

    def die(act, group=None):
        import pickle

        with (tmp_path / "stderr").open("wb") as errors:
            child = subprocess.Popen(
                [sys.executable, "-c", CHILD.replace("ACT", act)],
                env={**os.environ, "PYTHONPATH": str(ROOT)},
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=errors,
                preexec_fn=group and (lambda: (group / "cgroup.procs").write_text(str(os.getpid()))),
            )
        with child:
            born = pickle.loads(child.stdout.read())
            child.stdin.close()
            return born, child.wait(timeout=60)

    return die


@pytest.mark.parametrize(
    ("act", "status", "text"),
    [
        ("os.abort()", "failed", "ended itself (SIGABRT): Aborted"),
        ("ctypes.string_at(0)", "failed", "ended itself (SIGSEGV): Segmentation fault"),
        (
            "os.kill(os.getpid(), signal.SIGKILL)",
            "lost",
            "is gone without a reason, as if killed from outside",
        ),
        ("raise ValueError('no')", "lost", "its last words: ValueError: no"),
    ],
)
def test_a_process_that_died_is_found_to_have(dead, tmp_path, act, status, text):
    born, _ = dead(act)
    assert born.error_output == str(tmp_path / "stderr")
    found, why = cause(born, remains(born), "cpu")
    assert found == status
    assert f"its process {born.process_id} " in why
    assert text in why


@pytest.fixture
def small_group():
    """A control group with room for 64 MiB; what cannot be made here is skipped."""
    with memory_group(64 * 2**20) as group:
        yield group.folder


def test_a_process_that_the_kernel_killed_for_memory_is_told_from_one_that_was_killed(dead, small_group):
    born, status = dead("filled = bytearray(b'x') * 2**28", small_group)
    assert status == -signal.SIGKILL
    assert cause(born, remains(born), "cpu") == (
        "oom_host",
        f"the kernel killed its process {born.process_id} {WANT}, of which its control group has 64 MiB",
    )
    born, status = dead("os.kill(os.getpid(), signal.SIGKILL)", small_group)
    assert status == -signal.SIGKILL
    assert cause(born, remains(born), "cpu")[0] == "lost"


def test_error_output_that_is_no_file_leaves_no_words():
    assert remains(Birth(1, None)) == Remains()
    assert remains(Birth(1, "/nowhere/at/all", {"/nowhere": 3})) == Remains()


def test_the_birth_of_this_process():
    born = birth()
    assert born.process_id == os.getpid()
    where = os.readlink("/proc/self/fd/2")  # noqa: PTH115
    assert born.error_output == (where if Path(where).is_file() else None)
    assert all(read_text(Path(file)) for file in born.oom_kills)


START_WITH_FLAGS = """
from bench.machine.affinity import allowed_cores
from bench.training import runtime
runtime.start("cpu", allowed_cores()[:1])
import tensorflow as tf
tf.function(lambda: tf.constant(1) + 1, jit_compile=True)()
"""


@pytest.mark.slow
def test_flags_that_xla_does_not_know_are_what_a_process_died_of(tmp_path):
    errors = tmp_path / "stderr"
    with errors.open("wb") as file:
        ended = subprocess.run(
            [sys.executable, "-X", "faulthandler", "-c", START_WITH_FLAGS],
            env={**os.environ, "PYTHONPATH": str(ROOT), "XLA_FLAGS": "--xla_nonsense=1"},
            stderr=file,
            timeout=120,
            check=False,
        )
    assert ended.returncode != 0
    born = Birth(4897, str(errors), {})
    status, why = cause(born, remains(born), "cpu")
    assert status == "failed"
    assert why.startswith("its process 4897 ended itself")
    assert "XLA_FLAGS: --xla_nonsense=1" in why

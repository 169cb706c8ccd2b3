"""What a Ray of one's own is told, and what is said where it did not take this process in."""

import errno
from pathlib import Path

import pytest

pytestmark = pytest.mark.slow  # imports Ray


def test_ray_knows_each_setting_that_it_is_given():
    """It passes over names that it does not know."""
    import ray

    from bench.orchestration.on_ray.start import _SETTINGS

    raylet = (Path(ray.__file__).parent / "core/src/ray/raylet/raylet").read_bytes()
    assert [name for name in _SETTINGS if name.encode() + b"\0" not in raylet] == []


def test_the_remedy_for_a_ray_of_one_s_own_is_of_the_kind_of_the_error():
    from bench.orchestration.on_ray.cluster import _no_cluster, _remedy_here

    full = OSError(errno.ENOSPC, "No space left on device", "/tmp/ray-x/code")
    assert _no_cluster(full, "local", given=False) == (
        "no Ray cluster on this machine: /tmp/ray-x/code: No space left on device; make room there, or set "
        "RAY_TMPDIR to a folder that has some"
    )
    assert _remedy_here(OSError(errno.EAGAIN, "again"), {}) == "see `ulimit -a`"
    ours = {"RAY_AUTH_TOKEN": "a", "RAY_TMPDIR": "/tmp", "HOME": "/"}
    assert _remedy_here(RuntimeError("no"), {**ours, "RAY_b": "1", "RAY_A": ""}) == "unset RAY_A and RAY_b"
    assert _remedy_here(RuntimeError("no"), ours).startswith("try again, or join a Ray that `ray start")

import pytest

from bench.machine.cgroup import Cgroup, oom_kills_in


def write(root, files):
    for name, text in files.items():
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)


def unified(root, path, files):
    write(
        root, {"proc/self/cgroup": f"0::{path}\n", "sys/fs/cgroup/cgroup.controllers": "cpu cpuset memory\n"}
    )
    write(root / "sys/fs/cgroup", files)
    return Cgroup(root)


def legacy(root, path, files):
    write(root, {"proc/self/cgroup": f"5:memory:{path}\n4:cpuset:{path}\n3:cpu,cpuacct:{path}\n0::/\n"})
    write(root / "sys/fs/cgroup", files)
    return Cgroup(root)


def test_the_tightest_limit_on_the_way_up_holds(tmp_path):
    cgroup = unified(
        tmp_path,
        "/pods/mine",
        {
            "pods/cpu.max": "250000 100000\n",
            "pods/memory.max": "max\n",
            "pods/mine/cpu.max": "max 100000\n",
            "pods/mine/memory.max": "1073741824\n",
            "cpuset.cpus.effective": "0-7\n",
            "pods/mine/cpuset.cpus.effective": "2-3,6\n",
        },
    )
    assert cgroup.cpu_limit() == 2.5
    assert cgroup.memory_limit() == 1024**3
    assert cgroup.cores() == (2, 3, 6)


def test_the_first_version_has_one_tree_per_controller(tmp_path):
    cgroup = legacy(
        tmp_path,
        "/docker/abc",
        {
            "cpu/docker/abc/cpu.cfs_quota_us": "50000\n",
            "cpu/docker/abc/cpu.cfs_period_us": "100000\n",
            "memory/docker/abc/memory.limit_in_bytes": "536870912\n",
            "cpuset/docker/abc/cpuset.effective_cpus": "1\n",
        },
    )
    assert cgroup.cpu_limit() == 0.5
    assert cgroup.memory_limit() == 512 * 1024**2
    assert cgroup.cores() == (1,)


def test_a_container_whose_path_is_the_hosts_reads_the_mounts_root(tmp_path):
    cgroup = legacy(
        tmp_path,
        "/kubepods/not/mounted/here",
        {"cpu/cpu.cfs_quota_us": "300000", "cpu/cpu.cfs_period_us": "100000"},
    )
    assert cgroup.cpu_limit() == 3.0


def test_a_group_outside_the_namespace_reads_the_mounts_root(tmp_path):
    assert unified(tmp_path, "/../../elsewhere", {"cpu.max": "100000 50000"}).cpu_limit() == 2.0


@pytest.mark.parametrize("build", [unified, legacy])
def test_no_limits_are_none(tmp_path, build):
    cgroup = build(
        tmp_path,
        "/",
        {
            "cpu.max": "max 100000",
            "memory.max": "max",
            "cpu/cpu.cfs_quota_us": "-1",
            "cpu/cpu.cfs_period_us": "100000",
            "memory/memory.limit_in_bytes": "9223372036854771712",
        },
    )
    assert cgroup.cpu_limit() is None
    assert cgroup.memory_limit() is None
    assert cgroup.cores() is None
    assert cgroup.throttled_seconds() is None


def test_throttled_time_is_in_seconds_in_either_version(tmp_path):
    second = unified(tmp_path / "2", "/mine", {"mine/cpu.stat": "usage_usec 9\nthrottled_usec 1500000\n"})
    first = legacy(tmp_path / "1", "/mine", {"cpu/mine/cpu.stat": "throttled_time 1500000000\n"})
    assert second.throttled_seconds() == pytest.approx(1.5)
    assert first.throttled_seconds() == pytest.approx(1.5)


def test_a_machine_without_cgroups_has_no_limits(tmp_path):
    cgroup = Cgroup(tmp_path)
    assert (cgroup.cpu_limit(), cgroup.memory_limit(), cgroup.cores()) == (None, None, None)


def test_kills_for_want_of_memory_are_told_of_every_group_on_the_way_up(tmp_path):
    second = unified(
        tmp_path / "2",
        "/pods/mine",
        {"pods/memory.events": "oom 5\noom_kill 3\n", "pods/mine/memory.events": "oom 1\noom_kill 1\n"},
    )
    first = legacy(
        tmp_path / "1",
        "/mine",
        {
            "memory/mine/memory.oom_control": "oom_kill_disable 0\nunder_oom 0\noom_kill 2\n",
            "memory/memory.oom_control": "oom_kill_disable 0\nunder_oom 0\noom_kill 0\n",
        },
    )
    group, above = (tmp_path / "2/sys/fs/cgroup" / name for name in ("pods/mine", "pods"))
    assert second.oom_kills() == {str(group / "memory.events"): 1, str(above / "memory.events"): 3}
    assert list(first.oom_kills().values()) == [2, 0]
    (above / "memory.events").write_text("oom_kill 4\n")
    assert oom_kills_in([str(above / "memory.events"), "/nowhere"]) == {str(above / "memory.events"): 4}


def test_where_no_group_tells_of_kills_the_machine_does(tmp_path):
    cgroup = unified(tmp_path, "/", {})
    write(tmp_path, {"proc/vmstat": "nr_free_pages 7\noom_kill 6\n"})
    assert cgroup.oom_kills() == {str(tmp_path / "proc/vmstat"): 6}
    assert Cgroup(tmp_path / "nowhere").oom_kills() == {}

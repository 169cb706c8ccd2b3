"""A head of its own on this machine, started as people start one: who may join, and a job submitted to it."""

from importlib.metadata import version
from types import SimpleNamespace

import pytest

from bench.records.store import read_sessions
from tests.orchestration.clusters import JOIN, RAY, ROOT, free_port, start_head, this_machine

pytestmark = pytest.mark.slow

TOKEN_REMEDY = (
    "set RAY_AUTH_MODE=token, and give the cluster's token as RAY_AUTH_TOKEN, in the file that "
    "RAY_AUTH_TOKEN_PATH names, or in ~/.ray/auth_token"
)
REFUSED = "InvalidAuthToken: Authentication token is missing or incorrect"


@pytest.fixture(scope="module")
def head():
    """A head with a dashboard that wants a token, which `head.host` has; workers at Ray's own niceness."""
    with this_machine() as host:
        port = free_port()
        dashboard = ("--dashboard-port", port, "--dashboard-agent-listen-port", free_port())
        address = start_head(host, "--node-name", "head", "--num-cpus", 2, *dashboard)
        yield SimpleNamespace(host=host, address=address, dashboard=f"http://127.0.0.1:{port}")


def test_the_address_may_be_given(head):
    assert head.host.python(JOIN, head.address) == (0, "head\n")


def test_the_address_may_be_in_the_environment(head):
    assert head.host.python(JOIN, "", RAY_ADDRESS=head.address) == (0, "head\n")


def test_auto_is_the_cluster_that_runs_here(head):
    assert head.host.python(JOIN, "auto") == (0, "head\n")


def test_a_cluster_does_not_take_another_token(head):
    expected = f"no Ray cluster at {head.address}: {REFUSED}; {TOKEN_REMEDY}\n"
    assert head.host.python(JOIN, head.address, RAY_AUTH_TOKEN="another") == (1, expected)


def test_a_cluster_with_a_token_does_not_go_without(head):
    expected = f"no Ray cluster at {head.address}: {REFUSED}; {TOKEN_REMEDY}\n"
    without = ("RAY_AUTH_MODE", "RAY_AUTH_TOKEN")
    assert head.host.python(JOIN, head.address, without=without) == (1, expected)


def test_a_token_that_is_nowhere_to_be_found_is_missed(head):
    reason = "Token authentication is enabled but Ray couldn't find an authentication token"
    expected = f"no Ray cluster at {head.address}: {reason}; {TOKEN_REMEDY}\n"
    assert head.host.python(JOIN, head.address, without=["RAY_AUTH_TOKEN"]) == (1, expected)


def test_another_version_of_ray_is_told_in_one_line(head):
    assert head.host.python(f"import ray\nray.__version__ = '2.0.0'\n{JOIN}", head.address) == (
        1,
        f"no Ray cluster at {head.address}: Version mismatch: it runs Ray {version('ray')}, this is 2.0.0; "
        "use the Python and the Ray that its nodes have\n",
    )


def test_a_cluster_that_this_machine_is_no_node_of_is_not_joined(head):
    nowhere = "from ray._private import services\nservices.find_node_ids = set\n"
    assert head.host.python(nowhere + JOIN, head.address) == (
        1,
        f"no Ray cluster at {head.address}: no process of Ray is seen here; run `ray start "
        f"--address={head.address}` here first, or submit bench as a job\n",
    )


def test_a_submitted_job_records_a_session(head, tmp_path):
    job = ("bench", "run", "scenarios/quick.toml", "--results", tmp_path / "results")
    quickly = ("--rounds", 1, "--only", "*=10000*=fused", "--set", "epochs=1", "--no-probe")
    submit = (RAY, "job", "submit", "--address", head.dashboard, "--working-dir", ".", "--")
    output = head.host.check(*submit, *job, *quickly, cwd=ROOT)
    assert "succeeded" in output
    (row,) = read_sessions([str(tmp_path / "results")]).runs.to_pylist()
    assert (row["status"], row["error"]) == ("ok", None)
    assert (row["node"], row["niceness"]) == ("head", 0)


def test_a_job_s_own_modules_stay_beside_bench():
    from bench.orchestration.on_ray.cluster import _runtime_env

    job = '{"runtime_env": {"working_dir": "gcs://w.zip", "py_modules": ["gcs://m.zip"]}}'
    expected = {
        "py_modules": [str(ROOT / "bench"), "gcs://m.zip"],
        "excludes": ["__pycache__"],
        "env_vars": {"RAY_worker_niceness": "0"},
    }
    assert _runtime_env({"RAY_JOB_CONFIG_JSON_ENV_VAR": job}) == expected
    nothing = '{"runtime_env": {"py_modules": null}}'
    for environ in ({}, {"RAY_JOB_CONFIG_JSON_ENV_VAR": nothing}):
        assert _runtime_env(environ)["py_modules"] == [str(ROOT / "bench")]


def test_flags_that_are_set_here_reach_the_workers_of_a_cluster_that_was_joined():
    from bench.orchestration.on_ray.cluster import _runtime_env

    flags = {
        "NCCL_ALGO": "Ring",
        "NCCL_DEBUG": "WARN",
        "NVIDIA_TF32_OVERRIDE": "0",
        "TF_ENABLE_ONEDNN_OPTS": "0",
        "TF_XLA_FLAGS": "--tf_xla_auto_jit=2",
        "XLA_FLAGS": "--xla_gpu_enable_command_buffer=+WHILE,+CONDITIONAL",
    }
    environ = {
        **flags,
        "HOME": "/root",
        "CUDA_VISIBLE_DEVICES": "3",
        "TF_CONFIG": "{}",
        "KERAS_MAX_EPOCHS": "1",
    }
    assert _runtime_env(environ)["env_vars"] == {"RAY_worker_niceness": "0", **flags}
    assert _runtime_env({})["env_vars"] == {"RAY_worker_niceness": "0"}

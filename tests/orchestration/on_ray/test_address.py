"""Where a cluster is to be joined and something else is: one line, soon, and nothing else said."""

import socket
import threading
import time
from types import SimpleNamespace

import pytest

from bench.errors import ClusterError
from tests.orchestration.clusters import free_port

pytestmark = pytest.mark.slow  # imports Ray

NO_HEAD = "what listens there does not answer as a head node of Ray"


@pytest.fixture
def refused(monkeypatch):
    """Call with an address, or None for that of the environment; gives the line that refuses it."""
    from bench.orchestration.on_ray import address as ray_address
    from bench.orchestration.on_ray.cluster import ray_cluster

    def refused(address, patience=30.0):
        monkeypatch.setattr(ray_address, "ANSWER_SECONDS", patience)
        monkeypatch.setattr(ray_address, "_LATE_SECONDS", 30.0)
        with pytest.raises(ClusterError) as raised, ray_cluster(address):
            pass
        return str(raised.value)

    return refused


@pytest.fixture
def listener():
    """Listens on a port of this machine and does with each connection what it is told; gives the port."""
    listening, held = [], []

    def listen(says):
        here = socket.create_server(("0.0.0.0", 0))
        listening.append(here)

        def serve():
            while True:
                try:
                    connection, _ = here.accept()
                except OSError:
                    return
                held.append(connection)
                if says is None:
                    connection.close()
                else:
                    connection.sendall(says)

        threading.Thread(target=serve, daemon=True).start()
        return here.getsockname()[1]

    yield listen
    for each in (*listening, *held):
        each.close()


@pytest.mark.parametrize("host", ["127.0.0.1", "localhost"])
@pytest.mark.parametrize(
    "says",
    [b"HTTP/1.1 400 Bad Request\r\n\r\n", b"SSH-2.0-OpenSSH_9.2\r\n", b"-ERR unknown command\r\n", None],
    ids=["http", "ssh", "redis", "hangs up"],
)
def test_what_is_no_ray_is_told_from_one(refused, listener, capfd, host, says):
    address = f"{host}:{listener(says)}"
    assert refused(address) == (
        f"no Ray cluster at {address}: {NO_HEAD}; check --address, or leave it out to start one"
    )
    assert capfd.readouterr() == ("", "")


def test_what_says_nothing_is_not_waited_for_long(refused, listener, capfd):
    assert NO_HEAD in refused(f"127.0.0.1:{listener(b'')}", patience=0.1)
    assert capfd.readouterr() == ("", "")


def test_an_address_of_the_environment_is_named_as_such(refused, monkeypatch):
    address = f"127.0.0.1:{free_port()}"
    monkeypatch.setenv("RAY_ADDRESS", address)
    refusal = refused(None)
    assert refusal.startswith(f"no Ray cluster at {address}: Connection refused")
    assert refusal.endswith("; check RAY_ADDRESS, or unset it to start one")


def test_what_ray_makes_of_this_machine_s_own_address_is_told(refused, monkeypatch):
    from ray._private import services

    port = free_port()
    monkeypatch.setattr(services, "get_node_ip_address", lambda: "127.0.0.2")
    assert refused(f"127.0.0.1:{port}") == (
        f"no Ray cluster at 127.0.0.1:{port}: Connection refused (Ray asks 127.0.0.2:{port}); "
        "check --address, or leave it out to start one"
    )


@pytest.mark.parametrize(
    ("address", "why"),
    [
        ("ray://127.0.0.1:10001", "not a head node's HOST:PORT, as it is known inside the cluster"),
        ("http://127.0.0.1:8265", "not a head node's HOST:PORT, as it is known inside the cluster"),
        ("somewhere", "Invalid address format: somewhere"),
        ("127.0.0.1:99999", "not a head node's HOST:PORT"),
        ("127.0.0.1:ssh", "not a head node's HOST:PORT"),
    ],
)
def test_what_is_no_address_is_refused(refused, address, why):
    assert refused(address) == (
        f"no Ray cluster at {address}: {why}; check --address, or leave it out to start one"
    )


def test_a_name_that_nobody_knows_is_refused(refused):
    refusal = refused("no-such-host.invalid:6379")
    assert refusal.startswith("no Ray cluster at no-such-host.invalid:6379: ")
    assert "does not answer" not in refusal


def test_a_question_that_hangs_is_left_alone(monkeypatch):
    from bench.orchestration.on_ray import address as ray_address

    never = threading.Event()
    monkeypatch.setattr(ray_address, "_LATE_SECONDS", 0.0)
    with pytest.raises(TimeoutError, match="no answer within 14 s"):
        ray_address._by(time.monotonic(), never.wait)
    never.set()


def test_all_questions_together_have_one_deadline(monkeypatch):
    """Each gets what those before it have left."""
    from bench.orchestration.on_ray import address as ray_address

    now, given = 100.0, []

    def connect(_address, timeout):
        nonlocal now
        given.append(timeout)
        now += 9.0
        raise OSError

    monkeypatch.setattr(ray_address, "time", SimpleNamespace(monotonic=lambda: now))
    monkeypatch.setattr(ray_address.socket, "create_connection", connect)
    until = now + ray_address.ANSWER_SECONDS
    for _ in range(2):
        with pytest.raises(ConnectionError):
            ray_address._connect("host", 1, "", until)
    assert given == [14.0, 5.0]
    assert ray_address._left(until) > 0


def test_processes_of_ray_that_cannot_be_seen_are_told_from_another_cluster(monkeypatch):
    """As in a container of its own, or where /proc hides what others run."""
    from bench.orchestration.on_ray import address as ray_address

    monkeypatch.setattr(ray_address, "_connect", lambda *_: None)
    monkeypatch.setattr(ray_address, "_ask", lambda _where, ids, _until: [False for _ in ids])
    for seen, why in (
        (set(), "no process of Ray is seen here"),
        ({"a1"}, "no node of that cluster runs on this machine"),
    ):
        monkeypatch.setattr(ray_address.services, "find_node_ids", lambda seen=seen: seen)
        with pytest.raises(ray_address.NotANodeError, match=why):
            ray_address.look_at("10.0.0.1:6379")


@pytest.mark.parametrize(
    ("name", "value", "why"),
    [
        ("RAY_RUNTIME_ENV_HOOK", "os.nothing", "os.nothing cannot be imported: module 'os' has no attribute"),
        ("RAY_RUNTIME_ENV_HOOK", "no.such.hook", "no.such.hook cannot be imported: No module named 'no'"),
        ("RAY_RUNTIME_ENV_HOOK", "os.sep", "os.sep cannot be called"),
        ("RAY_JOB_CONFIG_JSON_ENV_VAR", "{", "no JSON: Expecting property name"),
        ("RAY_JOB_CONFIG_JSON_ENV_VAR", "[]", "it is no JSON object"),
        ("RAY_JOB_CONFIG_JSON_ENV_VAR", '{"runtime_env": 3}', "runtime_env is no JSON object"),
        ("RAY_JOB_CONFIG_JSON_ENV_VAR", '{"runtime_env": {"env_vars": null}}', "env_vars is no JSON object"),
        ("RAY_JOB_CONFIG_JSON_ENV_VAR", '{"runtime_env": {"py_modules": 3}}', "py_modules is no list"),
        ("RAY_JOB_CONFIG_JSON_ENV_VAR", '{"metadata": 3}', "metadata is no JSON object"),
    ],
)
def test_a_variable_that_ray_could_not_use_is_named(refused, monkeypatch, name, value, why):
    monkeypatch.setenv(name, value)
    refusal = refused("127.0.0.1:1")
    assert refusal.startswith(f"no Ray cluster at 127.0.0.1:1: {name}: {why}")
    assert refusal.endswith(f"; correct {name}, or unset it")

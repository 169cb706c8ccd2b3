"""Where a Ray cluster is to be joined, and whether one can be: asked in a way that can be waited for.

Ray itself would ask the same for minutes, in C++ code that hears of no signal meanwhile, and print what it
does there. Each question here has a thread of its own, that this process leaves behind where it hangs.
"""

import logging
import os
import queue
import socket
import threading
import time
from collections.abc import Callable
from typing import TypeVar

import ray  # noqa: TID253 -- one of the modules that own Ray
from ray._private import services  # noqa: TID253
from ray._raylet import AuthenticationTokenLoader, Config  # type: ignore[attr-defined]  # noqa: TID253
from ray.exceptions import AuthenticationError  # noqa: TID253

ANSWER_SECONDS = 14.0  # all questions together
_LATE_SECONDS = 0.5
T = TypeVar("T")


class NotANodeError(ConnectionError):
    """There is a cluster, and this machine is no node of it."""


def look_at(address: str) -> None:
    """Raises where at `address`, a HOST:PORT or "auto", is no cluster that this machine is a node of.

    ValueError, OSError, ConnectionError or AuthenticationError: each says in its text what is there.
    """
    logging.getLogger("ray").setLevel(logging.ERROR)
    if "://" in address:
        raise ValueError("not a head node's HOST:PORT, as it is known inside the cluster")
    if address == "auto":
        _have_token()
    until = time.monotonic() + ANSWER_SECONDS
    where = _by(until, lambda: services.canonicalize_bootstrap_address(address))
    if where is None:
        raise ConnectionError("none was found on this machine")
    host, _, port = where.rpartition(":")
    if not (host and port.isdigit() and 0 < int(port) < 2**16):
        raise ValueError("not a head node's HOST:PORT")
    asked = "" if where == address else where
    _by(until, lambda: _connect(host.strip("[]"), int(port), asked, until))
    here = sorted(services.find_node_ids())
    if not any(_by(until, lambda: _ask(where, here, until))):
        raise NotANodeError(
            "no node of that cluster runs on this machine" if here else "no process of Ray is seen here"
        )


def _have_token() -> None:
    """As Ray does for a cluster that it finds itself: where there is a token, it is used."""
    if "RAY_AUTH_MODE" not in os.environ and AuthenticationTokenLoader.instance().has_token(
        ignore_auth_mode=True
    ):
        os.environ["RAY_AUTH_MODE"] = "token"
        Config.initialize("")


def _connect(host: str, port: int, asked: str, until: float) -> None:
    """`asked` is what Ray makes of the address, where that is another: of 127.0.0.1, this machine's own."""
    try:
        socket.create_connection((host, port), timeout=_left(until)).close()
    except OSError as error:
        reason = error.strerror or str(error)
        raise ConnectionError(f"{reason} (Ray asks {asked})" if asked else reason) from error


def _ask(where: str, node_ids: list[str], until: float) -> list[bool]:
    """Which of the nodes that run on this machine live in the cluster of the head at `where`."""
    import grpc  # type: ignore[import-untyped]
    from ray._private.grpc_utils import init_grpc_channel
    from ray.core.generated.gcs_service_pb2 import CheckAliveRequest
    from ray.core.generated.gcs_service_pb2_grpc import NodeInfoGcsServiceStub

    asked = CheckAliveRequest(node_ids=[bytes.fromhex(node_id) for node_id in node_ids])
    try:
        with init_grpc_channel(where) as channel:
            answer = NodeInfoGcsServiceStub(channel).CheckAlive(asked, timeout=_left(until))
    except grpc.RpcError as error:
        if error.code() is grpc.StatusCode.UNAUTHENTICATED:
            raise AuthenticationError(error.details()) from error
        raise ConnectionError("what listens there does not answer as a head node of Ray") from error
    if answer.ray_version != ray.__version__:
        raise ConnectionError(
            f"Version mismatch: it runs Ray {answer.ray_version}, this is {ray.__version__}"
        )
    return list(answer.raylet_alive)


def _left(until: float) -> float:
    return max(until - time.monotonic(), 0.001)


def _by(until: float, ask: Callable[[], T]) -> T:
    """What `ask` gives or raises; TimeoutError where it is not there by then, a moment of time.monotonic."""
    answers: queue.SimpleQueue[tuple[T | None, BaseException | None]] = queue.SimpleQueue()

    def answer() -> None:
        try:
            answers.put((ask(), None))
        except BaseException as error:
            answers.put((None, error))

    threading.Thread(target=answer, name="ray-address", daemon=True).start()
    try:
        # What has a bound of its own says more of why, so it may be a moment late.
        value, error = answers.get(timeout=_left(until) + _LATE_SECONDS)
    except queue.Empty:
        raise TimeoutError(f"no answer within {ANSWER_SECONDS:g} s") from None
    if error is not None:
        raise error
    return value  # type: ignore[return-value]

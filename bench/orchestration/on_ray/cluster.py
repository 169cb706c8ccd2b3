"""A Ray cluster: started here or joined, its nodes inspected, the data sets put where all can map them."""

import contextlib
import errno
import logging
import os
from collections.abc import Iterator, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import ray  # noqa: TID253 -- one of the modules that own Ray
from ray._private import ray_constants  # noqa: TID253
from ray._raylet import AuthenticationTokenLoader, Config  # type: ignore[attr-defined]  # noqa: TID253
from ray.exceptions import (  # noqa: TID253
    AuthenticationError,
    RayError,
    RayTaskError,
    RuntimeEnvSetupError,
)
from ray.util.scheduling_strategies import NodeAffinitySchedulingStrategy  # noqa: TID253

import bench
from bench.data.datasets import Dataset
from bench.errors import ClusterError
from bench.machine.environment import forwarded
from bench.machine.fingerprint import Fingerprint
from bench.orchestration.nodes import Declared, Seen, Sight, as_nodes, look
from bench.orchestration.on_ray import job as ray_job
from bench.orchestration.on_ray.address import NotANodeError, look_at
from bench.orchestration.on_ray.start import LOCAL, NICENESS, USAGE_UNTOLD, Own, own_ray, wanted_address
from bench.orchestration.on_ray.vigil import Head, OwnHead, Vigil
from bench.orchestration.scheduling.request import Node
from bench.orchestration.signals import abandoned, heeded, held

INSPECT_SECONDS = 120.0
ENTER_SECONDS = 120.0
_ACCELERATOR = "accelerator_type:"
_COMMON: Mapping[str, Any] = {
    "log_to_driver": False,
    "logging_level": logging.ERROR,
    "configure_logging": True,
}
_OF_RAY = (RayError, OSError, ValueError, RuntimeError)
_TOKEN = (
    "set RAY_AUTH_MODE=token, and give the cluster's token as RAY_AUTH_TOKEN, in the file that "
    "RAY_AUTH_TOKEN_PATH names, or in ~/.ray/auth_token"
)


@contextlib.contextmanager
def ray_cluster(address: str | None, begun: Own | None = None) -> Iterator[Vigil]:
    """Ray, started on this machine or joined at `address` (or RAY_ADDRESS), until the block ends.

    Gives the vigil over its head, which leaves this process where that is gone and nobody takes notice. A Ray
    that has `begun` to start ends with whoever began it, one that is started here with the block, and either
    with this process, however that ends. "auto" is the cluster that runs on this machine. The workers of one
    that was joined import this process's own `bench`, whatever is installed on their nodes. Raises
    ClusterError where none can be started or reached.
    """
    wanted = wanted_address(address)
    for name, value in USAGE_UNTOLD.items():
        os.environ.setdefault(name, value)
    with contextlib.ExitStack() as stack:
        with held():
            own = stack.enter_context(own_ray()) if begun is None and wanted == LOCAL else begun
            there = own.address() if own else wanted
            stack.callback(_leave)
            try:
                if own:
                    ray_job.submitted(os.environ)
                    _enter(there, _skip_env_hook=True, job_config=ray_job.local(own.folder))
                else:
                    _join(wanted)
            except Exception as error:  # Ray's, or of whatever a variable of the environment has it call
                raise ClusterError(_no_cluster(error, wanted, given=address is not None)) from error
            # A raylet's complaints would be printed into the display: of a lost node, its last log lines.
            ray._private.worker._worker_logs_enabled = False
            head = OwnHead(there, own.lease, own.why_ended) if own else Head(_head())
            vigil = stack.enter_context(Vigil(head).kept())
        yield vigil


def _join(address: str) -> None:
    _take_token_from_environment()
    runtime_env = _runtime_env(os.environ)
    ray_job.check_hook(os.environ)
    with heeded():
        look_at(address)
    # A job that was submitted has an environment already: Ray adds to it only where that is meant.
    os.environ["RAY_OVERRIDE_JOB_RUNTIME_ENV"] = "1"
    _enter(address, runtime_env=runtime_env, job_config=ray_job.joined())


def _enter(address: str, **options: Any) -> None:  # noqa: ANN401
    """Make this process a driver. Ray's C++ code may hang in it, or take a signal for a crash."""
    _take_token_from_environment()
    # Under `uv run` Ray would upload the current folder, and have each worker make an environment from it.
    ray_constants.RAY_ENABLE_UV_RUN_RUNTIME_ENV = False
    late = f"Ray at {address} did not take this process in within {ENTER_SECONDS:g} s; see `ray status`"
    with abandoned(ENTER_SECONDS, late):
        ray.init(address=address, **_COMMON, **options)


def _head() -> str:
    return str(ray.get_runtime_context().gcs_address)


def _leave() -> None:
    with held():
        ray.shutdown()


def _take_token_from_environment() -> None:
    """Ray keeps what it found once; another cluster of this process has another token."""
    Config.initialize("")
    AuthenticationTokenLoader.instance().reset_cache()


def _no_cluster(error: Exception, wanted: str, given: bool) -> str:
    where = "on this machine" if wanted == LOCAL else f"at {wanted}"
    return f"no Ray cluster {where}: {_reason(error)}; {_remedy(error, wanted, given)}"


def _reason(error: Exception) -> str:
    """Ray's own words in one line, without its advice on tokens."""
    if isinstance(error, AuthenticationError):
        text = error.message.partition(". ")[0]
    elif isinstance(error, OSError) and error.strerror:
        text = f"{error.filename}: {error.strerror}" if error.filename else error.strerror
    elif isinstance(error, _OF_RAY):
        text = str(error)
    else:
        text = f"{type(error).__name__}: {error}"
    return " ".join(text.split()).rstrip(".") or type(error).__name__


def _remedy(error: Exception, wanted: str, given: bool) -> str:
    if isinstance(error, AuthenticationError):
        return _TOKEN
    if isinstance(error, ray_job.VariableError):
        return f"correct {error.name}, or unset it"
    if str(error).startswith("Version mismatch"):
        return "use the Python and the Ray that its nodes have"
    if isinstance(error, NotANodeError):
        return f"run `ray start --address={wanted}` here first, or submit bench as a job"
    if wanted != LOCAL and ray_job.HOOK in os.environ and not isinstance(error, _OF_RAY):
        return f"correct {ray_job.HOOK}, or unset it"
    if wanted == "auto":
        return f"see `ray status`, and where it wants a token, {_TOKEN}"
    if wanted == LOCAL:
        return _remedy_here(error, os.environ)
    return (
        "check --address, or leave it out to start one"
        if given
        else "check RAY_ADDRESS, or unset it to start one"
    )


def _remedy_here(error: Exception, environ: Mapping[str, str]) -> str:
    """Of a Ray of one's own, which has started but did not take this process in."""
    if isinstance(error, OSError) and error.errno in (errno.ENOSPC, errno.EDQUOT):
        return "make room there, or set RAY_TMPDIR to a folder that has some"
    if isinstance(error, OSError) and error.errno in (errno.EAGAIN, errno.ENOMEM, errno.EMFILE, errno.ENFILE):
        return "see `ulimit -a`"
    ours = {"RAY_AUTH_MODE", "RAY_AUTH_TOKEN", "RAY_USAGE_STATS_ENABLED", "RAY_ADDRESS", "RAY_TMPDIR"}
    theirs = [name for name in sorted(environ) if name.startswith("RAY_") and name not in ours]
    if theirs:
        return f"unset {' and '.join(theirs)}"
    return "try again, or join a Ray that `ray start --head` starts here, with --address auto"


def _runtime_env(environ: Mapping[str, str]) -> dict[str, Any]:
    """What the workers of a joined cluster get: this very `bench`, niceness 0, and the flags set here.

    Those decide how a run computes, and workers of a Ray that is started here inherit them. A submitted job's
    own modules, which this takes the place of, stay beside it.
    """
    job = ray_job.submitted(environ)
    return {
        "py_modules": [str(Path(bench.__file__).parent), *(job.get("py_modules") or ())],
        "excludes": ["__pycache__"],
        "env_vars": {**NICENESS, **forwarded(environ)},
    }


def inspect_nodes() -> tuple[tuple[Node, ...], dict[str, Fingerprint]]:
    """Every live node with its cores and GPUs, and its fingerprint, taken by a task on the node itself.

    A node that dies meanwhile is left out. Raises ClusterError where no node answers, and where one lacks
    what `bench` depends on.
    """
    declared = [_declared(node) for node in ray.nodes() if node["Alive"]]
    asked = {_ask(node.node_id): node for node in declared if node.cpus}
    if not asked:
        raise ClusterError("no node of the Ray cluster has a CPU to run on; see `ray status`")
    done, _ = ray.wait(list(asked), num_returns=len(asked), timeout=INSPECT_SECONDS)
    seen, fingerprints = list[Seen](), dict[str, Fingerprint]()
    for reference in done:
        node = asked[reference]
        answer = _answer(reference, node)
        if answer is not None:
            seen.append((node, answer[0]))
            fingerprints[node.node_id] = answer[1]
    if not seen:
        raise ClusterError(
            f"no node of the Ray cluster answered within {INSPECT_SECONDS:g} s; see `ray status`"
        )
    nodes = as_nodes(seen)
    return nodes, {node.node_id: replace(fingerprints[node.node_id], node=node.name) for node in nodes}


def share(datasets: Mapping[str, Dataset]) -> dict[str, Any]:
    """References to the data sets in the object store: read once here, mapped by every worker."""
    return {name: ray.put(dataset) for name, dataset in datasets.items()}


def _declared(node: Mapping[str, Any]) -> Declared:
    """Ray names a node after its address where `ray start --node-name` does not name it."""
    resources, address = node["Resources"], node["NodeManagerAddress"]
    types = [key.removeprefix(_ACCELERATOR) for key in resources if key.startswith(_ACCELERATOR)]
    return Declared(
        node_id=node["NodeID"],
        name=node["NodeManagerHostname"] if node["NodeName"] in ("", address) else node["NodeName"],
        address=address,
        cpus=int(resources.get("CPU", 0)),
        gpus=int(resources.get("GPU", 0)),
        accelerator=types[0] if types else None,
    )


def _ask(node_id: str) -> Any:  # noqa: ANN401 -- a Ray reference, untyped
    affinity = NodeAffinitySchedulingStrategy(node_id, soft=False)
    return ray.remote(look).options(num_cpus=0, max_retries=0, scheduling_strategy=affinity).remote()


def _answer(reference: Any, node: Declared) -> tuple[Sight, Fingerprint] | None:  # noqa: ANN401
    """What a process saw on the node; None where it is gone."""
    try:
        sight, fingerprint = ray.get(reference)
    except (RayTaskError, RuntimeEnvSetupError) as error:
        reason = str(error).strip().splitlines()[-1].strip()
        raise ClusterError(
            f"node {node.name} cannot run bench: {reason}; install there what bench depends on"
        ) from error
    except RayError:
        return None
    if sight.missing:
        missing = " and ".join(sight.missing)
        raise ClusterError(f"node {node.name} has no {missing}; install there what bench depends on")
    return sight, fingerprint

"""What the workers of this process's job on Ray import: this very `bench`, and nothing of its folder."""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from ray._common.utils import load_class  # noqa: TID253 -- one of the modules that own Ray
from ray.job_config import JobConfig  # noqa: TID253

import bench

_SUBMITTED = "RAY_JOB_CONFIG_JSON_ENV_VAR"
HOOK = "RAY_RUNTIME_ENV_HOOK"


class VariableError(ValueError):
    """The environment variable `name` has a value that Ray cannot use."""

    def __init__(self, name: str, why: str) -> None:
        super().__init__(f"{name}: {why}")
        self.name = name


class OwnCode(JobConfig):  # type: ignore[misc]  # ray is untyped
    """A job whose workers see `folders` before all else.

    Ray would put the driver's current folder and its script's there (`connect` in ray/_private/worker.py), so
    that any `bench`, `keras.py` or `numpy.py` in them would be what runs. It leaves them out where a job has
    a working directory of its own, which is what this one claims to have.
    """

    def __init__(self, *folders: str) -> None:
        super().__init__(_py_driver_sys_path=list(folders))

    def _runtime_env_has_working_dir(self) -> bool:
        return True


def joined() -> OwnCode:
    """The job on a cluster that was joined, whose workers get `bench` by its runtime environment."""
    return OwnCode()


def local(folder: Path) -> OwnCode:
    """The job on a Ray of one's own, whose workers import `bench` from where this process did.

    Beside the package there are other things, so they see it by a link, alone in a folder that is made in
    `folder` and goes with it.
    """
    alone = folder / "code"
    alone.mkdir()
    (alone / "bench").symlink_to(Path(bench.__file__).resolve().parent)
    return OwnCode(str(alone))


def submitted(environ: Mapping[str, str]) -> Mapping[str, Any]:
    """The runtime environment of the submitted job that this process is; of none, nothing.

    Raises VariableError where Ray could not read it.
    """
    try:
        job = _object(json.loads(environ.get(_SUBMITTED, "{}")), "it")
    except json.JSONDecodeError as error:
        raise VariableError(_SUBMITTED, f"no JSON: {error}") from error
    _object(job.get("metadata") or {}, "metadata")
    found = _object(job.get("runtime_env") or {}, "runtime_env")
    _object(found.get("env_vars", {}), "env_vars")
    if not isinstance(found.get("py_modules") or [], list):
        raise VariableError(_SUBMITTED, "py_modules is no list")
    return found


def _object(value: Any, what: str) -> dict[str, Any]:  # noqa: ANN401 -- as JSON gives it
    if not isinstance(value, dict):
        raise VariableError(_SUBMITTED, f"{what} is no JSON object")
    return value


def check_hook(environ: Mapping[str, str]) -> None:
    """Raises VariableError where the function that Ray would call is not there."""
    hook = environ.get(HOOK)
    if hook is None:
        return
    try:
        found = load_class(hook)
    except Exception as error:  # whatever the import of somebody else's module comes across
        raise VariableError(HOOK, f"{hook} cannot be imported: {error}") from error
    if not callable(found):
        raise VariableError(HOOK, f"{hook} cannot be called")

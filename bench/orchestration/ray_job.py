"""What the workers of this process's job on Ray import: this very `bench`, and nothing of its folder."""

import atexit
import functools
import shutil
import tempfile
from pathlib import Path

from ray.job_config import JobConfig  # noqa: TID253 -- one of the modules that own Ray

import bench


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


def local() -> OwnCode:
    """The job on a Ray that is started here: its workers import `bench` from where this process did."""
    return OwnCode(_folder_of_bench())


@functools.cache
def _folder_of_bench() -> str:
    """A folder that holds `bench` alone, by a link: the package's own folder has other things beside it."""
    folder = tempfile.mkdtemp(prefix="bench-")
    atexit.register(shutil.rmtree, folder, ignore_errors=True)
    (Path(folder) / "bench").symlink_to(Path(bench.__file__).resolve().parent)
    return folder

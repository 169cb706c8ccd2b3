"""What the workers of this process's job on Ray import: this very `bench`, and nothing of its folder."""

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


def local(folder: Path) -> OwnCode:
    """The job on a Ray of one's own, whose workers import `bench` from where this process did.

    Beside the package there are other things, so they see it by a link, alone in a folder that is made in
    `folder` and goes with it.
    """
    alone = folder / "code"
    alone.mkdir()
    (alone / "bench").symlink_to(Path(bench.__file__).resolve().parent)
    return OwnCode(str(alone))

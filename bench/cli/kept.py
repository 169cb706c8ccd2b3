"""Where a command's results are kept: in a folder of this machine, or elsewhere by way of one."""

import contextlib
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING

from bench.cli.recorded import warn
from bench.uri import ResultsAt

if TYPE_CHECKING:
    from bench.records.remote.results import RemoteResults
    from bench.records.suite import Suite


class Kept:
    """Results in the folder of this machine: nothing has to be done about them. `where` is for people."""

    def __init__(self, folder: Path, where: str) -> None:
        self.folder, self.where = folder, where

    def session_to_resume(self, suite: "Suite", every_node: bool) -> Path | None:
        """The session of `suite` to go on with, if any; see that of `records.resume`."""
        from bench.records.resume import session_to_resume

        return session_to_resume(self.folder, suite, every_node)

    def upload_left(self) -> None:
        """What earlier commands left."""

    def begin(self, folder: Path) -> None:
        """A session is written in `folder` from now on."""

    def finish(self, _waiting: Callable[[str], None]) -> str | None:
        """It no longer is. A line where it is not all where it should be; what waits for it is told why."""
        return None

    def named(self, folder: Path) -> str:
        """A session's folder, for people."""
        return str(folder)


class KeptElsewhere(Kept):
    """Results that are recorded on this machine, and uploaded meanwhile."""

    def __init__(self, results: "RemoteResults") -> None:
        super().__init__(results.folder, results.place.path)
        self._results = results

    def session_to_resume(self, suite: "Suite", every_node: bool) -> Path | None:
        """See `RemoteResults`."""
        return self._results.session_to_resume(suite, every_node)

    def upload_left(self) -> None:
        """See `RemoteResults`."""
        self._results.upload_left()

    def begin(self, folder: Path) -> None:
        """See `RemoteResults`."""
        self._results.begin(folder)

    def finish(self, waiting: Callable[[str], None]) -> str | None:
        """See `Kept`."""
        return self._results.finish(lambda: waiting(_waits_for(self.where)))

    def named(self, folder: Path) -> str:
        """Where it is elsewhere."""
        return f"{self.where}/{folder.name}"


def _waits_for(where: str) -> str:
    return f"Uploading the rest to {where}: Ctrl-C leaves it for later"


@contextlib.contextmanager
def kept_at(results: ResultsAt) -> Iterator[Kept]:
    """For results there. What was recorded is uploaded also where the block raises; then it only warns."""
    from bench.records.file_system import check_writable

    if results.folder:
        warn(check_writable(results.folder))
        yield Kept(results.folder, str(results.folder))
        return
    from bench.records.remote.place import Place
    from bench.records.remote.results import RemoteResults

    remote = RemoteResults(Place.of(results.uri), lambda line: warn([line]))
    warn(check_writable(remote.folder))
    try:
        yield KeptElsewhere(remote)
    except KeyboardInterrupt:  # while it is raised no other one is: nothing may be waited for
        if left := remote.leave():
            warn([left])
        raise
    finally:
        if left := remote.finish(lambda: warn([_waits_for(remote.place.path)])):
            warn([left])

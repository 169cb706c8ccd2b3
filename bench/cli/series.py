"""`bench run --sessions N`: sessions in a row, of which none has anything of the one before.

A session's processes, their memory and its Ray share its mood. Once it has ended, this process therefore
becomes the same command begun anew (execve(2)). It keeps its number, its terminal and who waits for it, and
nothing else: signals, job control and the exit status are those of one session.
"""

import contextlib
import hashlib
import json
import os
import shlex
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, NoReturn, Self

from bench.errors import BenchError, ClusterLostError
from bench.records.series import Series

if TYPE_CHECKING:
    from bench.records.suite import Suite

VARIABLE = "BENCH_SERIES"
"""Of the environment: what the command knows of itself as it begins anew. It is taken out at once."""
_ALIKE = "and all sessions of a row have to be alike; undo that and go on with --resume, or begin a new row"


@dataclass
class Course:
    """How far a command is: of which `series` of sessions this process makes one, and what of others counts.

    `again` says that it began anew, and `not_ok` that some runs before did not end ok. `digests` are of what
    all its sessions have in common; `environ` and `descriptors` are what the command was given.
    """

    series: Series
    again: bool = False
    not_ok: bool = False
    digests: Mapping[str, str] = field(default_factory=dict)
    environ: Mapping[str, str] = field(default_factory=lambda: dict(os.environ))
    descriptors: frozenset[int] = field(default_factory=lambda: inherited())

    @classmethod
    def taken_up(cls, sessions: int | None) -> Self:
        """Of a command that is to make so many: where it is, if it began before, else at its first one."""
        told = os.environ.pop(VARIABLE, "")
        with contextlib.suppress(ValueError, KeyError, TypeError):
            state = json.loads(told)
            if state["process"] == os.getpid():  # else it is not this command's
                series = Series(state["sessions"], tuple(state["before"]))
                return cls(series, True, state["not_ok"], state["digests"])
        return cls(Series(sessions or 1))

    def check(self, path: Path, suite: "Suite") -> None:
        """Look whether `suite`, from the file `path`, and bench itself are as they were at the first session.

        Raises BenchError where they are not, and where the file cannot be read again for each session.
        """
        from bench.paths import is_file

        if self.series.sessions == 1:
            return
        if not is_file(path):
            raise BenchError(f"{path}: is read for each session, and can be but once; save it in a file")
        digests = _digests(path, suite)
        for what, digest in self.digests.items():
            if digests.get(what) != digest:
                raise BenchError(f"{what}: was changed since the first session began, {_ALIKE}")
        self.digests = digests

    def go_on_with(self, begun: Path, sessions: int | None) -> None:
        """The session in the folder `begun` is made now, in a row of so many, or of as many as it was."""
        from bench.records.folders import Local
        from bench.records.resume import header_in

        series = Series.of(header_in(Local(str(begun))))
        self.series = replace(series, sessions=max(sessions or series.sessions, series.number))

    @contextlib.contextmanager
    def told_where_cut(self, tell: Callable[[str], None]) -> Iterator[None]:
        """Where the block raises, `tell` gets a line on how far the row is, unless it was not begun."""
        try:
            yield
        except (KeyboardInterrupt, BenchError) as error:
            begun = self.series.before or isinstance(error, KeyboardInterrupt | ClusterLostError)
            if self.series.sessions > 1 and begun:
                done = f"{len(self.series.before)} of {self.series.sessions} sessions are done"
                tell(f"{done}; the same command with --resume makes the rest")
            raise

    def tell(self, tell: Callable[[str], None]) -> None:
        """Which session begins, where it is one of several."""
        if self.series.sessions > 1:
            tell(f"Session {self.series.number} of {self.series.sessions}")

    def ended(self, name: str, not_ok: bool) -> None:
        """The session of this process has, in the folder called `name`; does not return where one is to come.

        Raises KeyboardInterrupt where an interrupt has come, and OSError where the next cannot be begun.
        """
        is_last, self.not_ok = self.series.is_last, self.not_ok or not_ok
        self.series = replace(self.series, before=(*self.series.before, name))
        if not is_last:
            self._begin_anew()

    def _begin_anew(self) -> NoReturn:
        from bench.orchestration import signals

        state = {
            "process": os.getpid(),
            "sessions": self.series.sessions,
            "before": self.series.before,
            "not_ok": self.not_ok,
            "digests": self.digests,
        }
        signals.hand_over()
        for stream in (sys.stdout, sys.stderr):
            stream.flush()
        for number in inherited() - self.descriptors:  # such as those of Ray's logs
            os.set_inheritable(number, False)
        line = [sys.executable, *sys.orig_argv[1:]]
        os.execve(sys.executable, line, {**self.environ, VARIABLE: json.dumps(state)})


def pool_line(names: Sequence[str]) -> str:
    """What to say of the sessions of a row, by where they are: all of them, and what sums them up."""
    return f"{len(names)} sessions, which are summed up by: bench show --pool {shlex.join(names)}"


def inherited() -> frozenset[int]:
    """The file descriptors that a program gets from this process; none where the system does not tell."""
    found = set()
    with contextlib.suppress(OSError):
        for name in os.listdir("/dev/fd"):  # noqa: PTH208 -- by number
            with contextlib.suppress(OSError):  # the one that listed them
                if os.get_inheritable(int(name)):
                    found.add(int(name))
    return frozenset(found)


def _digests(path: Path, suite: "Suite") -> dict[str, str]:
    from bench.machine.modules import sources

    asked = [(point.scenario.scenario_id, point.scenario.seed) for point in suite.points]
    measure = suite.measure.model_dump(mode="json")
    return {str(path): _digest([asked, measure]), "bench": _digest(dict(sources()))}


def _digest(value: object) -> str:
    return hashlib.sha256(json.dumps(value, sort_keys=True).encode()).hexdigest()[:16]

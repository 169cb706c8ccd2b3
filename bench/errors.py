"""Every error that `bench` raises on purpose: one tree, one root.

The message is one line that says what was wrong, where, and what to do; the command line prints it as it
is and exits with `exit_status`.
"""


class BenchError(Exception):
    """Root of the tree. Wrong usage or input: exit status 2."""

    exit_status = 2


class SuiteError(BenchError):
    """A suite file that cannot be read, or that asks for something impossible."""


class DataError(BenchError):
    """A data set that is missing, unreadable, or not what its name says."""


class StoreError(BenchError):
    """Result tables that cannot be read or written."""


class DamagedError(StoreError):
    """Stored bytes that are not those that were written, or that are gone."""


class ClusterError(BenchError):
    """A Ray cluster that cannot be started or joined."""


class ClusterLostError(ClusterError):
    """A Ray cluster that is gone in the middle of a session: why."""

    remedy = "every finished run is kept: go on with --resume"


class UnknownMachineError(BenchError):
    """A machine that is named and is not among those that are looked at."""


class ConditionError(BenchError):
    """A condition on rows that has no meaning, or that nothing may be asked by."""


_LONGEST = 200  # characters; clients of object stores tell whole stories


def reason(error: BaseException) -> str:
    """What `error`, of the system or of a library, says: for a message that names the place and the remedy.

    The system's words, else the first line of its own, else its type: one line of readable length.
    """
    own = error.strerror if isinstance(error, OSError) and error.strerror else error
    lines = str(own).strip().splitlines()
    line = " ".join(lines[0].split()) if lines else type(error).__name__
    return line if len(line) <= _LONGEST else f"{line[:_LONGEST]}…"

"""What XLA compiled for a scenario, kept for its later runs of the same session on the same node.

TensorFlow reads and writes executables in a folder (`--tf_xla_persistent_cache_directory`), by the function's
name and a fingerprint of the program; a program that is not there is compiled and put there, written whole
(device_executable_persistor.h in tensorflow/compiler/jit). A file that it cannot read is an error, and
nothing is compiled in its place; nor does it tell what it has read. So every process gets a folder of its
own, with copies of what is kept and has not changed since; what it compiled is kept once the run has ended
well.

What is kept is a scenario's own: its first run in a session compiles all, whatever others have in common with
it. On GPUs nothing is kept: XLA picks algorithms by timing them while it compiles, and every run would train
on the picks of the first one, where rounds are to be draws of their own. Nor is anything under
parameter_server, where those who compile are not those who report, nor of replicas with random layers, whose
programs hold the seeds of their round (see `Replica`) and would be compiled in part.
"""

import contextlib
import hashlib
import shutil
import tempfile
from collections.abc import Mapping, MutableMapping
from dataclasses import dataclass, field
from pathlib import Path

from bench.files import replacing
from bench.machine.environment import XLA_CACHE_FLAG, recorded
from bench.records.kinds import DeviceKind
from bench.records.scenario import Scenario

LEAST_FREE_BYTES, LEAST_FREE_FRACTION = 2**30, 0.1
"""Of the disk: where it is full, a run whose programs cannot be written ends."""
_UNFIT = "unfit"


@dataclass
class CompileCache:
    """XLA's cache of one run. `kept` is the scenario's folder, `own` this process's."""

    kept: Path
    own: Path
    read: set[str] = field(default_factory=set)
    """Names of the entries that XLA finds in `own`."""

    @property
    def filled(self) -> bool:
        """Whether XLA has something to read that an earlier run compiled."""
        return bool(self.read)

    def enable(self, environ: MutableMapping[str, str]) -> None:
        """Tell XLA of the folder, which takes it from `environ` when it is first needed in the process."""
        flags = environ.get("TF_XLA_FLAGS", "").split()
        environ["TF_XLA_FLAGS"] = " ".join([*flags, f"{XLA_CACHE_FLAG}={self.own}"])

    def keep(self) -> None:
        """Keep what was compiled, for later runs. What cannot be written is compiled again by them."""
        if (self.kept / _UNFIT).exists():
            return
        with contextlib.suppress(OSError):
            for entry in self.own.glob("*.pb"):
                if entry.name not in self.read:
                    content = entry.read_bytes()
                    with replacing(self.kept / f"{_digest(content)}-{entry.name}") as file:
                        file.write(content)

    def give_up(self) -> bool:
        """Have nothing read or kept for the scenario any more; gives whether there was something to read.

        For when compiling fails, which may be for what XLA read, or for what it could not write.
        """
        was_filled = self.filled
        self.read.clear()
        with contextlib.suppress(OSError):
            (self.kept / _UNFIT).touch()
        for entry in self.own.glob("*.pb"):
            with contextlib.suppress(OSError):
                entry.unlink()
        return was_filled

    def close(self) -> None:
        """Remove this process's copies."""
        shutil.rmtree(self.own, ignore_errors=True)


def open_cache(
    folder: Path, scenario: Scenario, kind: DeviceKind, cores: tuple[int, ...], environ: Mapping[str, str]
) -> CompileCache | None:
    """The cache for a run of `scenario`, in a `folder` of this node and session; None where all is compiled.

    To be called before TensorFlow starts in the process, see `CompileCache.enable`.
    """
    if kind == "gpu" or not (_same_in_all_rounds(scenario) and _takes_flags(environ)):
        return None
    try:
        kept = folder / _key(scenario, cores, environ)
        kept.mkdir(parents=True, exist_ok=True, mode=0o700)
        cache = CompileCache(kept, Path(tempfile.mkdtemp(prefix="xla-")))
    except OSError:
        return None
    with contextlib.suppress(OSError):
        if _takes_more(cache):
            cache.read |= _copied(kept, cache.own)
            return cache
    cache.close()
    return None


def _same_in_all_rounds(scenario: Scenario) -> bool:
    """Whether this process compiles for `scenario`, and the same programs whatever the seed."""
    if not scenario.jit or scenario.strategy == "parameter_server":
        return False
    return scenario.strategy == "one_device" or not (scenario.dropout or scenario.shift)


def _takes_flags(environ: Mapping[str, str]) -> bool:
    """Whether TF_XLA_FLAGS can be added to.

    What does not begin with a dash names a file (parse_flags_from_env.h in XLA).
    """
    flags = environ.get("TF_XLA_FLAGS", "").strip()
    return not flags or flags.startswith("-")


def _takes_more(cache: CompileCache) -> bool:
    """Whether what XLA compiles can be written, and kept."""
    if (cache.kept / _UNFIT).exists() or len(str(cache.own).split()) > 1:  # a space would end the flag
        return False
    disks = [shutil.disk_usage(place) for place in (cache.kept, cache.own)]
    return all(disk.free >= max(LEAST_FREE_BYTES, LEAST_FREE_FRACTION * disk.total) for disk in disks)


def _copied(kept: Path, own: Path) -> set[str]:
    """The names of the entries that were kept, each of which is now in `own`; a damaged one is removed."""
    names = set()
    for entry in kept.glob("*.pb"):
        digest, _, name = entry.name.partition("-")
        content = entry.read_bytes()
        if _digest(content) == digest:
            (own / name).write_bytes(content)
            names.add(name)
        else:
            entry.unlink()
    return names


def _key(scenario: Scenario, cores: tuple[int, ...], environ: Mapping[str, str]) -> str:
    """What an executable depends on beside the program, its node and software, and XLA does not look at."""
    return _digest(repr((scenario.scenario_id, len(cores), sorted(recorded(environ).items()))).encode())


def _digest(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()[:32]

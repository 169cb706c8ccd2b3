"""The assembler of GPU programs, `ptxas`: which one XLA will start, and having it be the wheel's.

TensorFlow's wheel links neither libnvptxcompiler nor libnvjitlink, so every GPU program goes through a
`ptxas` that XLA finds: below `--xla_gpu_cuda_data_dir`, else in PATH, else below $CUDA_HOME, /usr/local/cuda
and /opt/cuda, and only then in the wheel `nvidia-cuda-nvcc` that TensorFlow asks for. Two machines with the
same packages would compile with whatever toolkit happens to be installed.

Sources: FindCudaExecutable and FindPtxAsExecutable in xla/stream_executor/cuda/subprocess_compilation.cc,
CandidateCudaRoots in xla/tsl/platform/default/cuda_root_path.cc.
"""

import functools
import os
import re
import shlex
import subprocess
from collections.abc import Iterator, Mapping, MutableMapping
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path

from bench.paths import is_file

_NAME = "ptxas"
_DATA_DIR = "--xla_gpu_cuda_data_dir="
_ROOTS = (Path("/usr/local/cuda"), Path("/opt/cuda"))
_WHEELS = ("cuda_nvcc", "cu13")  # nvidia-cuda-nvcc-cu12, which TensorFlow 2.21 asks for, and its successor
_VERSION = re.compile(r"\bV(\d+\.\d+\.\d+)\b")
_OLDEST = (11, 8, 0)
_BUGGY = frozenset({(12, 3, 103)})
_TIMEOUT_SECONDS = 10.0


@dataclass(frozen=True)
class Ptxas:
    """An assembler that XLA would use, and its version, such as "12.9.86"."""

    path: str
    version: str


def ptxas(environ: Mapping[str, str] = os.environ) -> Ptxas | None:
    """The one that a run on a GPU gets, with `prefer_wheel` done; None where there is none that XLA takes.

    Each candidate is asked for its version, once in this process.
    """
    for path in dict.fromkeys(_candidates(environ)):
        version = _version(path)
        if version is not None and _taken(version):
            return Ptxas(str(path), version)
    return None


def prefer_wheel(environ: MutableMapping[str, str] = os.environ) -> None:
    """Put the wheel's `ptxas` first in PATH, where there is one; before TensorFlow compiles anything."""
    folder = _wheel_folder()
    if folder is not None:
        others = [part for part in environ.get("PATH", "").split(os.pathsep) if part and part != str(folder)]
        environ["PATH"] = os.pathsep.join([str(folder), *others])


def _candidates(environ: Mapping[str, str]) -> Iterator[Path]:
    """Where XLA looks, in its order, after `prefer_wheel`."""
    for flag in _flags(environ.get("XLA_FLAGS", "")):
        if flag.startswith(_DATA_DIR):
            yield Path(flag.removeprefix(_DATA_DIR)) / "bin" / _NAME
    wheel = _wheel_folder()
    if wheel is not None:
        yield wheel / _NAME
    yield from (Path(part) / _NAME for part in environ.get("PATH", "").split(os.pathsep) if part)
    home = environ.get("CUDA_HOME")
    yield from (root / "bin" / _NAME for root in (*([Path(home)] if home else []), *_ROOTS))


def _flags(text: str) -> list[str]:
    try:
        return shlex.split(text)
    except ValueError:
        return []


def _wheel_folder() -> Path | None:
    """The folder of the wheel's `ptxas`; `nvidia` is a namespace without code, so nothing is imported."""
    spec = find_spec("nvidia")
    for base in (spec.submodule_search_locations or ()) if spec else ():
        for wheel in _WHEELS:
            folder = Path(base) / wheel / "bin"
            if os.access(folder / _NAME, os.X_OK):
                return folder
    return None


@functools.cache
def _version(path: Path) -> str | None:
    """What `ptxas --version` says of itself; None where it cannot be run or says something else."""
    if not is_file(path):
        return None
    try:
        asked = subprocess.run(
            [path, "--version"], capture_output=True, text=True, timeout=_TIMEOUT_SECONDS, check=True
        )
    except (OSError, subprocess.SubprocessError, UnicodeError):
        return None
    found = _VERSION.search(asked.stdout)
    return found[1] if found else None


def _taken(version: str) -> bool:
    """Whether XLA takes this version."""
    numbers = tuple(map(int, version.split(".")))
    return numbers >= _OLDEST and numbers not in _BUGGY

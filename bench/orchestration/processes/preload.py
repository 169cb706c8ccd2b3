"""What a fork server imports, and whether it may be copied afterwards."""

import contextlib
import gc
import importlib
import os
import pkgutil
from pathlib import Path

import bench.training
from bench.machine.modules import sources
from bench.training.runtime import before_import

PRELOADED = (
    "tensorflow",
    "keras",
    *(f"bench.training.{module.name}" for module in pkgutil.iter_modules(bench.training.__path__)),
)
FOR_IMPORTS = {
    **dict.fromkeys(("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"), "1"),
    "JE_ARROW_MALLOC_CONF": "background_thread:false",
}
"""For the imports alone: NumPy's and scikit-learn's pools, and that of the allocator that pyarrow brings."""


def preload() -> str | None:
    """Import what a run uses, and see whether this process may be copied: why not, or None."""
    try:
        return _threaded("the interpreter starts") or _imported()
    except OSError as problem:
        return f"its threads and files cannot be listed: {problem}"


def _imported() -> str | None:
    before_import(os.environ)
    os.environ.update(FOR_IMPORTS)
    try:
        for name in PRELOADED:
            importlib.import_module(name)
    except BaseException as problem:
        return f"{name} cannot be imported: {type(problem).__name__}: {problem}"
    sources()
    gc.collect()
    gc.freeze()  # else each collection in a copy would copy the pages of all that is here
    return why_not_forked()


def why_not_forked() -> str | None:
    """What of this process a copy would not have, or share: threads, a GPU, TensorFlow's runtime; or None."""
    from bench.training.runtime import has_begun

    if threads := _threaded("the imports start"):
        return threads
    if any(path.startswith("/dev/nvidia") for path in _open_files()):
        return "the imports open a GPU"
    return "the imports start TensorFlow's runtime" if has_begun() else None


def _threaded(by: str) -> str | None:
    return f"{by} {_threads() - 1} threads" if _threads() > 1 else None


def _threads() -> int:
    return len(list(Path("/proc/self/task").iterdir()))


def _open_files() -> list[str]:
    found = list[str]()
    for link in Path("/proc/self/fd").iterdir():
        with contextlib.suppress(OSError):  # the folder's own
            found.append(str(link.readlink()))
    return found

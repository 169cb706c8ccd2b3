"""What is there: the driver, the libraries, what a process with TensorFlow mapped, and which JAX works."""

import contextlib
import importlib.metadata
import importlib.util
import os
import platform
import shutil
import subprocess
import sys
from pathlib import Path

from bench.machine.fingerprint import fingerprint
from bench.machine.nvml import open_nvml
from tests.gpu.process import ROOT, ProcessError

PACKAGES = (
    *("tensorflow", "keras", "ray", "jax", "jaxlib", "torch", "numpy", "pandas", "pyarrow", "pydantic"),
    *("scipy", "scikit-learn", "plotly", "rich", "typer", "nvidia-ml-py", "psutil", "pytest", "pytest-xdist"),
    *("nvidia-cublas-cu12", "nvidia-cudnn-cu12", "nvidia-nccl-cu12", "nvidia-cuda-nvcc-cu12"),
)
COMMANDS = (
    ("nvidia-smi",),
    ("nvidia-smi", "-q", "-d", "CLOCK,POWER,ECC,PERFORMANCE"),
    ("nvidia-smi", "topo", "-m"),
    ("uname", "-a"),
    ("lscpu",),
    ("free", "-g"),
    ("df", "-h", "/tmp", "/dev/shm"),
)
QUOTED = 4000
START_SECONDS = 60
JAX_PATH = "jax-path.txt"


def run(check):
    tensorflow = check.process(**check.tensorflow())
    jax = {path: check.process(path) for path in (None, "") if importlib.util.find_spec("jax")}
    tensorflow.ask("tests.gpu.training.start", kind=check.kind)
    for process in jax.values():
        process.ask("tests.gpu.jax_scan.start", kind=check.kind)
    python(check)
    commands(check)
    machine(check)
    with tensorflow:
        told_of_tensorflow(check, tensorflow)
    told_of_jax(check, jax)
    ptxas(check)


def python(check):
    versions = {}
    for name in PACKAGES:
        with contextlib.suppress(importlib.metadata.PackageNotFoundError):
            versions[name] = importlib.metadata.version(name)
    check.report.write(f"Python {platform.python_version()}, {sys.executable}, {os.cpu_count()} cores.\n")
    check.report.write(", ".join(f"{name} {version}" for name, version in versions.items()) + "\n")
    missing = [name for name in PACKAGES if name not in versions]
    check.report.write(f"Without metadata: {', '.join(missing) or 'none'}.\n")
    names = ("PYTHONPATH", "XLA_FLAGS", "TF_XLA_FLAGS", "CUDA_VISIBLE_DEVICES", "LD_LIBRARY_PATH", "PATH")
    check.report.quote("\n".join(f"{name}={os.environ.get(name, '')}" for name in names))
    check.report.figure("environment", versions=versions)


def commands(check):
    for command in COMMANDS:
        check.report.write(f"`{' '.join(command)}`\n")
        check.report.quote(said(command)[:QUOTED])


def said(command, seconds=20):
    """What a command prints, or why it does not."""
    try:
        done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=seconds, check=False)
    except (OSError, subprocess.TimeoutExpired) as problem:
        return f"{type(problem).__name__}: {problem}"
    return done.stdout + done.stderr


def machine(check):
    """What bench makes of the machine."""
    code = "from tests.gpu.stages.environment import *; print_machine()"
    check.report.write("NVML and the fingerprint, as bench reads them:\n")
    check.report.quote(said((sys.executable, "-c", code))[:QUOTED])


def print_machine():
    """In a process of its own, so that a driver that misbehaves costs this alone."""
    nvml = open_nvml()
    for number in range(nvml.count if nvml else 0):
        sys.stdout.write(f"{nvml.gpu(number)}\n{nvml.sample(number)}\n")
    sys.stdout.write(f"{fingerprint(nvml)}\n")


def told_of_tensorflow(check, process):
    try:
        process.answer(START_SECONDS)
        rows = process.call("tests.gpu.training.about", START_SECONDS)
        check.report.table(("TensorFlow", ""), rows.items())
        check.report.figure("environment", tensorflow=rows)
        mapped = process.call("tests.gpu.training.mapped_libraries", START_SECONDS)
        check.report.write("CUDA libraries in the process after a matrix product:\n")
        check.report.quote("\n".join(mapped) or "none")
    except ProcessError as problem:
        check.report.write("**TensorFlow failed:**\n")
        check.report.quote(str(problem))


def told_of_jax(check, processes):
    """JAX with this PYTHONPATH, and with none: what TensorFlow needs may stand in its way."""
    found = {}
    for path, process in processes.items():
        words = "with this PYTHONPATH" if path is None else "with no PYTHONPATH"
        with process:
            try:
                found[path] = process.answer(START_SECONDS)
                check.report.write(f"JAX {words}: {found[path]}\n")
            except ProcessError as problem:
                check.report.write(f"JAX {words} does not work: {str(problem)[-600:]}\n")
    if not processes:
        check.report.write("JAX: not installed\n")
    if found:
        # A file, since the next stages are other processes; "same" is this process's own path.
        (check.work / JAX_PATH).write_text("none" if "" in found else "same")


def ptxas(check):
    """Every ptxas that could be taken, and its version."""
    places = [Path(place) / "nvidia/cuda_nvcc/bin/ptxas" for place in sys.path if place]
    found = dict.fromkeys([shutil.which("ptxas"), *(str(path) for path in places if path.exists())])
    for path in filter(None, found):
        check.report.write(f"ptxas: {path}: {said((path, '--version')).strip().splitlines()[-1]}")
    if not any(found):
        check.report.write("ptxas: none in PATH, none in a wheel")
    check.report.write()

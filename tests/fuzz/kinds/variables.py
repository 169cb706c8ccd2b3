"""Variables of bench, its libraries, Python and terminals, and what reads them in this process."""

import json
import os
from unittest import mock

from bench.data.cache import cache_folder
from bench.data.keras_cache import keras_homes
from bench.data.sources import bench_data_path, check_not_shared
from bench.errors import BenchError
from bench.machine.environment import forwarded, neutralise, recorded
from bench.machine.fingerprint import fingerprint
from bench.records.tables import machine_row, to_table
from tests.output import FlawError

VALUES = (
    *("", "0", "1", "-1", "99999999999999999999", "1.5", "nan", "true", "false", "none", "always", "x"),
    *("~nosuchuser/x", "~", "/nonexistent/x", "/dev/null", "/dev/full", "relative/path", "n" * 300),
    *(
        "\x1b[31mred",
        "two\nlines",
        "a=b",
        "a,b;c:d",
        "--flag",
        "'unbalanced",
        "\udcff\udcfe",
        "ß€",
        "{}",
        "%s",
    ),
)
VARIABLES = {
    "bench": ("BENCH_DATA", "BENCH_CACHE", "_BENCH_COMPLETE", "_BENCH_COMPLETE_ARGS", "BENCH_TEST_MNIST"),
    "Keras": ("KERAS_HOME", "KERAS_BACKEND", "KERAS_MAX_EPOCHS", "KERAS_MAX_STEPS_PER_EPOCH", "KERAS_FLOATX"),
    "TensorFlow": (
        *("XLA_FLAGS", "TF_XLA_FLAGS", "TF_CPP_MIN_LOG_LEVEL", "TF_NUM_INTRAOP_THREADS", "TF_CONFIG"),
        *("TF_ENABLE_ONEDNN_OPTS", "CUDA_VISIBLE_DEVICES", "NVIDIA_TF32_OVERRIDE", "OMP_NUM_THREADS"),
        *("CUDA_HOME", "LD_LIBRARY_PATH", "NVIDIA_VISIBLE_DEVICES", "MKL_NUM_THREADS"),
    ),
    "Ray": (
        *("RAY_TMPDIR", "RAY_AUTH_MODE", "RAY_AUTH_TOKEN", "RAY_AUTH_TOKEN_PATH", "RAY_NAMESPACE"),
        *("RAY_LOG_LEVEL", "RAY_RUNTIME_ENV_HOOK", "RAY_DEDUP_LOGS", "RAY_ADDRESS"),
    ),
    "Python": (*("PYTHONPATH", "PYTHONUNBUFFERED", "PYTHONNOUSERSITE", "PYTHONBREAKPOINT"),),
    "user": (
        *("HOME", "USER", "LOGNAME", "SHELL", "PATH", "TMPDIR", "TEMP", "XDG_CACHE_HOME", "XDG_CONFIG_HOME"),
        *("PWD", "OLDPWD", "TZ", "LANG", "LC_ALL", "LC_NUMERIC", "LANGUAGE", "DEBUG", "CI"),
    ),
    "terminal": (
        *(
            "TERM",
            "COLUMNS",
            "LINES",
            "NO_COLOR",
            "FORCE_COLOR",
            "CLICOLOR_FORCE",
            "COLORTERM",
            "TTY_COMPATIBLE",
        ),
        *(
            "TTY_INTERACTIVE",
            "TERMINAL_WIDTH",
            "TYPER_USE_RICH",
            "_TYPER_STANDARD_TRACEBACK",
            "_TYPER_FORCE_",
        ),
        *("JUPYTER_COLUMNS", "JUPYTER_LINES", "PAGER", "ANSI_COLORS_DISABLED", "MPLBACKEND"),
    ),
    "scheduler": (
        "SLURM_JOB_ID",
        "SLURM_CPUS_PER_TASK",
        "SLURM_NNODES",
        "KUBERNETES_SERVICE_HOST",
        "OMPI_COMM_WORLD_SIZE",
    ),
}
PYTHONS_OWN = (
    *(("PYTHONOPTIMIZE", "1"), ("PYTHONOPTIMIZE", "2"), ("PYTHONIOENCODING", "ascii"), ("PYTHONUTF8", "0")),
    *(("PYTHONIOENCODING", "utf-16"), ("PYTHONIOENCODING", "latin-1:strict"), ("PYTHONHASHSEED", "0")),
    *(
        ("PYTHONWARNINGS", "error"),
        ("PYTHONWARNINGS", "always"),
        ("PYTHONDEVMODE", "1"),
        ("PYTHONSAFEPATH", "1"),
    ),
    *(
        ("PYTHONCOERCECLOCALE", "0"),
        ("PYTHONSAFEPATH", "1"),
        ("PYTHONLEGACYWINDOWSSTDIO", "1"),
        ("PYTHONDONTWRITEBYTECODE", "1"),
    ),
    *(("LC_ALL", "C"), ("LC_ALL", "POSIX"), ("LC_ALL", "es_ES.UTF-8"), ("LANG", "xx_XX.nonsense")),
)
"""Python itself dies of most other values of these."""
READ_HERE = ("BENCH_DATA", "BENCH_CACHE", "KERAS_HOME", "HOME", "XDG_CACHE_HOME", "PATH", "CUDA_HOME")


def base(folder):
    """The environment that a case begins with: the same whoever starts it, and from wherever."""
    home = folder / "home"
    home.mkdir(exist_ok=True)
    return {"PATH": os.defpath, "HOME": str(home)}


def variables(random):
    """A few of them, each with a value of some sort."""
    return dict(variable(random) for _ in range(random.randint(1, 4)))


def variable(random):
    if random.random() < 0.15:
        return random.choice(PYTHONS_OWN)
    return random.choice(random.choice(list(VARIABLES.values()))), random.choice(VALUES)


class Variables:
    name = "variables"
    short, batch = 60, 100

    def begin(self):
        """Nothing is needed."""

    def case(self, folder, random):
        given = {**base(folder), **variables(random), random.choice(READ_HERE): random.choice(VALUES)}
        if random.random() < 0.1:
            del given["HOME"]
        (folder / "case.json").write_text(json.dumps(given))
        return lambda: read(folder, given)


def read(folder, given):
    """What is made of the variables by whatever reads them here: folders, and facts about this machine."""
    with mock.patch.dict(os.environ, given, clear=True):
        try:
            cache, homes = cache_folder(given), keras_homes(given)
        except BenchError as error:
            raise FlawError(f"a folder that bench can do without, refused: {error}") from error
        if not all(os.fspath(path) for path in (cache or folder, *homes)):
            raise FlawError("a folder without a name")
        facts = fingerprint(environ=given)
        to_table("machines", [machine_row("s", facts)])
        if not forwarded(given).items() <= recorded(given).items():
            raise FlawError(f"a variable that is forwarded and not recorded: {given}")
        left = dict(given)
        neutralise(left)
        if left["KERAS_HOME"] != os.devnull:
            raise FlawError(f"a home of Keras' that is left: {left}")
        check_not_shared(bench_data_path(given), {})

"""The command line in processes of its own, under variables of bench, its libraries, Python and terminals."""

import json
import os
import subprocess
import sys

from tests.fuzz.judge import FlawError, check_output
from tests.fuzz.kinds.sessions import ROOT, SUITE

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
    "Python": (
        "PYTHONPATH",
        "PYTHONUNBUFFERED",
        "PYTHONNOUSERSITE",
        "PYTHONBREAKPOINT",
    ),
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
COMMANDS = (
    ("--help",),
    ("--version",),
    ("plan", "--help"),
    ("run", "--help"),
    ("plan", str(SUITE)),
    ("plan", str(SUITE)),
    ("show", str(ROOT / "results")),
    ("show", str(ROOT / "results")),
    ("show", str(ROOT / "results"), "--format", "json"),
    ("show",),
)
SECONDS = 110


class Environment:
    name = "environment"
    short, batch = 6, 4

    def begin(self):
        """Nothing is needed."""

    def case(self, folder, random):
        given = dict(variable(random) for _ in range(random.randint(1, 4)))
        line = random.choice(COMMANDS)
        (folder / "case.json").write_text(json.dumps({"environment": given, "command": line}))
        unset = random.choice((None,) * 8 + ("HOME", "PATH", "TERM", "LANG"))
        inherited = {key: text for key, text in os.environ.items() if key != unset}
        path = os.pathsep.join(filter(None, (str(ROOT), given.get("PYTHONPATH"))))
        return lambda: run(folder, line, {**inherited, **given, "PYTHONPATH": path})


def variable(random):
    if random.random() < 0.15:
        return random.choice(PYTHONS_OWN)
    return random.choice(random.choice(list(VARIABLES.values()))), random.choice(VALUES)


def run(folder, line, environment):
    ended = subprocess.run(
        [sys.executable, "-m", "bench", *line],
        cwd=folder,
        env=environment,
        stdin=subprocess.DEVNULL,
        capture_output=True,
        timeout=SECONDS,
        check=False,
    )
    encoding = environment.get("PYTHONIOENCODING", "utf-8").partition(":")[0]
    out, err = (text.decode(encoding, errors="backslashreplace") for text in (ended.stdout, ended.stderr))
    check_output(ended.returncode, out, err, coloured=True)
    if not out.strip():
        raise FlawError("status 0 without a word: nothing was printed")

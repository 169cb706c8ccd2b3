"""The command line in processes of its own, under variables of all kinds."""

import json
import os
import subprocess
import sys

from bench.errors import BenchError
from tests.fuzz.kinds.sessions import ROOT, SUITE
from tests.fuzz.kinds.variables import base, variables
from tests.output import FlawError, check_output

MNIST = ("run", str(SUITE), "--set", "dataset=mnist")
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
    (*MNIST, "--data", "/nonexistent"),
    (*MNIST, "--data", "/nonexistent", "--results", "~/results", "--order", "longest-first"),
    MNIST,
    MNIST,
)
NOWHERE = ("/nonexistent/x", "/dev/null", "/dev/full", "relative/path", "n" * 300, "~nosuchuser/x", "s3://x")
"""Of a `BENCH_DATA` at which a run ends before it starts anything."""
SECONDS = 110


class Environment:
    name = "environment"
    short, batch = 6, 4

    def begin(self):
        """Nothing is needed."""

    def case(self, folder, random):
        given = variables(random)
        line = random.choice(COMMANDS)
        if line == MNIST:
            given["BENCH_DATA"] = random.choice(NOWHERE)
        began = base(folder)
        began.pop(random.choice((*(None,) * 8, "HOME", "PATH")), None)
        path = os.pathsep.join(filter(None, (str(ROOT), given.get("PYTHONPATH"))))
        whole = {**began, **given, "PYTHONPATH": path}
        (folder / "case.json").write_text(json.dumps({"environment": whole, "command": line}))
        return lambda: run(folder, line, whole)


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
    refusal = check_output(ended.returncode, out, err, coloured=True)
    if refusal is not None:
        raise BenchError(refusal)
    if not out.strip():
        raise FlawError("status 0 without a word: nothing was printed")

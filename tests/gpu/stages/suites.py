"""`bench run` of a suite as users run it, then `bench show` and `bench report` of all that is there."""

import subprocess
import sys

from tests.gpu.process import ROOT, child_environment

SUITES = {"notebook": "scenarios/notebook.toml", "wide": "tests/gpu/wide.toml"}
ROUNDS = 4
# To start Ray and probe twice, and a round, on one H200.
AROUND_SECONDS = {"notebook": 45, "wide": 45}
ROUND_SECONDS = {"notebook": 40, "wide": 80}
AFTER_SECONDS = 8
PAGE_BYTES = 12 * 2**20


def run(check, which):
    results = check.work / "results"
    rounds = fitting(check.left, which)
    command = ["run", SUITES[which], "--results", str(results), "--quiet", "--rounds", str(rounds)]
    if check.dataset == "digits":
        command += ["--set", "dataset=digits"]
    if check.short:
        command = [*shortened(command), "--set", "epochs=1", "--no-probe"]
    check.report.write(f"{rounds} rounds fit into the {check.left:.0f} s that are left.\n")
    bench(check, *command)
    bench(check, "show", str(results), "--all", "--format", "md")
    page = check.work / "report.html"
    bench(check, "report", str(results), "-o", str(page))
    if page.exists() and page.stat().st_size <= PAGE_BYTES:
        (check.report.folder / page.name).write_bytes(page.read_bytes())


def fitting(seconds, which):
    """Rounds that end in time, one at least: four tell most."""
    spare = seconds - AROUND_SECONDS[which] - AFTER_SECONDS
    return max(1, min(ROUNDS, int(spare // ROUND_SECONDS[which])))


def shortened(command):
    """One round of few scenarios of a few steps."""
    rounds = command.index("--rounds")
    short = [*command[:rounds], "--rounds", "1", *command[rounds + 2 :]]
    if "notebook" in command[1]:
        return [*short, "--only", "batch_size=10000"]
    return [*short, "--only", "*1024-1024*float32*", "--set", "batch_size=10000"]


def bench(check, *arguments):
    """The command, its output into the report; what it says of errors goes to the log with this stage's."""
    check.report.write(f"`bench {' '.join(arguments)}`\n")
    said = check.work / "bench.txt"
    with said.open("w") as printed:
        process = subprocess.Popen(
            [sys.executable, "-m", "bench", *arguments],
            cwd=ROOT,
            env=child_environment(COLUMNS="200"),
            stdout=printed,
        )
        try:
            status = process.wait()
        except KeyboardInterrupt:  # at the deadline, which it hears of, too: it keeps what is finished
            status = process.wait()
    check.report.quote(said.read_text() or "it printed nothing")
    if status:
        check.report.write(f"**Status {status}.**\n")
    check.report.figure("suites", command=arguments, status=status)

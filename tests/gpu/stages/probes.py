"""The probe in two processes, one after the other: what it says, and whether it says the same twice."""

import time

from tests.gpu.process import ProcessError

PRECISIONS = {
    "gpu": ("float32", "tf32", "mixed_bfloat16", "mixed_float16"),
    "cpu": ("float32",),
}
PROBE_SECONDS = 120


def run(check):
    told = []
    for number in (1, 2):
        with check.process(**check.tensorflow()) as process:
            try:
                process.call("tests.gpu.training.start", min(60, check.left), kind=check.kind)
                began = time.monotonic()
                limit = min(PROBE_SECONDS, check.left)
                precisions = PRECISIONS[check.kind]
                told.append(flat(process.call("tests.gpu.training.probe", limit, precisions=precisions)))
                taken = time.monotonic() - began
            except ProcessError as problem:
                check.report.quote(str(problem))
                continue
        check.report.write(f"Probe {number} took {taken:.1f} s.\n")
        check.report.table(("figure", "value"), told[-1].items())
        check.report.figure("probe", number=number, seconds=taken, **told[-1])
    if len(told) == 2:
        check.report.write("Side by side:\n")
        check.report.table(("figure", "first", "second", "ratio"), [beside(name, *told) for name in told[0]])


def beside(name, first, second):
    one, other = first[name], second.get(name)
    numbers = isinstance(one, float) and isinstance(other, float) and one
    return name, one, other, f"{other / one:.3f}" if numbers else ""


def flat(value, name=""):
    """Nested dictionaries and lists as one dictionary, the names joined by dots."""
    if isinstance(value, dict):
        parts = value.items()
    elif isinstance(value, list):
        parts = enumerate(value)
    else:
        return {name: value}
    found = {}
    for key, part in parts:
        found.update(flat(part, f"{name}.{key}" if name else str(key)))
    return found

"""What commands print of the sessions in results/ and of generated ones, as it once was and as it is now.

python -m tests.store.golden TREE [--write]

Runs the bench of the source tree TREE, and prints how its output differs from what is kept in `golden/`, or
keeps it. A long output is kept as one checksum a line.
"""

import argparse
import difflib
import json
import os
import re
import subprocess
import sys
import tempfile
import zlib
from collections import Counter
from pathlib import Path

from tests.store.content import Shape
from tests.store.generate import generate

ROOT = Path(__file__).parents[2]
KEPT = Path(__file__).parent / "golden"
SHAPE = Shape(sessions=4, runs=150)
LONGEST = 8_000
_NUMBER = re.compile(r"-?\d+\.\d+(?:e[-+]?\d+)?")

PUBLISHED, REFERENCE = "results/notebook-published", "results/nvidia-h200"
CASES = {
    **{
        f"{command}-{name}-{form}": (*arguments, "--format", form)
        for form in ("md", "csv", "json")
        for command, name, *arguments in (
            ("show", "published", "show", PUBLISHED),
            ("show", "reference", "show", REFERENCE),
            ("show", "generated", "show", "GENERATED"),
            ("show-all", "generated", "show", "--all", "GENERATED"),
            ("show-pool", "generated", "show", "--pool", "GENERATED"),
            ("overhead", "published", "show", "--overhead", PUBLISHED),
            ("overhead", "reference", "show", "--overhead", REFERENCE),
            ("overhead", "generated", "show", "--all", "--overhead", "GENERATED"),
            ("compare", "results", "compare", PUBLISHED, REFERENCE, "--force"),
            ("compare", "generated", "compare", "GENERATED/first", "GENERATED/second"),
        )
    },
    "show-all-where-csv": (
        *("show", "results", "GENERATED", "--all", "--format", "csv", "--sort", "-step_seconds", "--where"),
        "batch_size in [100, 200] and status == 'ok' and not (sweep == 'sizes' or learning_rate > 0.005)",
    ),
    "show-machine-where-md": (
        "show",
        "GENERATED",
        "--all",
        "--format",
        "md",
        "--where",
        "machine.str.contains('NVIDIA') and label.str.startswith('devices')",
    ),
    "overhead-where-json": (
        "show",
        "GENERATED",
        "--all",
        "--overhead",
        "--format",
        "json",
        "--where",
        "round == 2",
    ),
    "compare-target-json": (
        *("compare", "GENERATED/first", "GENERATED/second", "--format", "json"),
        *("--metric", "target_seconds"),
    ),
}
"""Arguments by the name of the file that has what they printed; GENERATED stands for generated sessions."""


def arguments_of(name, generated):
    return [argument.replace("GENERATED", str(generated)) for argument in CASES[name]]


def normal(name, text, generated):
    """Lines of an output: numbers of ten digits, since processors differ beyond; an entry of JSON a line."""
    if name.endswith("json"):
        text = "\n".join(map(json.dumps, _flat(json.loads(text))))
    text = text.replace(str(generated), "GENERATED")
    return _NUMBER.sub(lambda number: f"{float(number[0]):.10g}", text).splitlines()


def kept(name):
    """What is kept of an output, to be compared to `keepable`."""
    return (KEPT / f"{name}.txt").read_text().splitlines()


def keepable(lines):
    """The lines, or of many their checksums."""
    if sum(map(len, lines)) <= LONGEST:
        return lines
    return [f"{zlib.crc32(line.encode()):08x}" for line in lines]


def differences(name, lines, reordered=False):
    """How `lines` are not what is kept; empty where they are.

    Where runs are `reordered`, scenarios come in another order.
    """
    found, wanted = keepable(lines), kept(name)
    if found == wanted or (reordered and _alike(found, wanted)):
        return ""
    if found == lines:
        return "\n".join(difflib.unified_diff(wanted, found, "kept", "now", lineterm="", n=0))
    others = [line for line, checksum in zip(lines, found, strict=True) if checksum not in set(wanted)]
    return "\n".join([f"{len(lines)} lines now, {len(wanted)} kept; changed or new:", *others])


def _alike(found, wanted):
    """Whether they are so in any order."""
    return Counter(found) == Counter(wanted)


def _flat(found, name=""):
    """What a JSON text holds: a line for each item of its lists, and for each value of its objects."""
    if isinstance(found, list) and found:
        for item in found:
            deeper = name == "comparisons"
            yield from _flat(item, name) if deeper else [{name: item} if name else item]
    elif isinstance(found, dict) and found:
        for key, value in found.items():
            yield from _flat(value, key)
    else:
        yield {name: found}


def main():
    parser = argparse.ArgumentParser(
        prog="python -m tests.store.golden",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("tree", type=Path)
    parser.add_argument("--write", action="store_true", help="keep what it prints")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as scratch:
        generated = Path(scratch) / "generated"
        generate(generated, SHAPE, "old")
        for name in CASES:
            lines = normal(name, _printed(options.tree, arguments_of(name, generated)), generated)
            if options.write:
                KEPT.mkdir(exist_ok=True)
                (KEPT / f"{name}.txt").write_text("".join(f"{line}\n" for line in keepable(lines)))
            else:
                sys.stdout.write(f"{name}: {differences(name, lines) or 'as it was'}\n")


def _printed(tree, arguments):
    environment = {**os.environ, "PYTHONPATH": str(tree.resolve())}
    command = [sys.executable, "-m", "bench", *arguments]
    ended = subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True, check=False)
    if ended.returncode or ended.stderr:
        raise SystemExit(f"{' '.join(arguments)}: {ended.stderr.strip()}")
    return ended.stdout


if __name__ == "__main__":
    main()

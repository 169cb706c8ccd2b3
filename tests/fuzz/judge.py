"""What came of a case: a result, an error as it should be, or a finding."""

import contextlib
import json
import os
import re
import sys
import traceback
import unicodedata
from dataclasses import asdict, dataclass
from pathlib import Path

import bench
from bench import cli
from bench.errors import BenchError

RESULT, ERROR, FINDING = "result", "error", "finding"
COLOUR = re.compile(r"\x1b\[[0-9;]*m")
LONGEST_LINE = 4_000
BENCH = Path(bench.__file__).parent


@dataclass(frozen=True)
class Outcome:
    """`what` is the same for findings that have the same cause, as far as can be told."""

    kind: str
    what: str = ""
    text: str = ""

    def as_json(self):
        return json.dumps(asdict(self))


class FlawError(Exception):
    """A finding that is no exception: what was printed, or the exit status."""


def judged(feed):
    """What comes of calling `feed`, which raises what bench does, or `FlawError`."""
    try:
        feed()
    except BenchError as error:
        return judged_message(str(error))
    except FlawError as error:
        what, _, text = str(error).partition(": ")
        return Outcome(FINDING, what, text)
    except BaseException as error:  # whatever it is, a user would have seen it
        return Outcome(FINDING, f"{type(error).__name__} at {where(error)}", story(error))
    return Outcome(RESULT)


def judged_message(message):
    if flaw := flaw_of_line(message):
        return Outcome(FINDING, f"a message {flaw}", message[:1_000])
    return Outcome(ERROR, message[:100])


def where(error):
    """The innermost place in bench that the error went through."""
    frames = frames_of(error)
    return f"{place(frames[-1])}:{frames[-1].name}" if frames else "no place in bench"


def story(error):
    """The way through bench, and what was said at its end."""
    way = [f"{place(frame)}:{frame.lineno} {frame.line}" for frame in frames_of(error)]
    return "\n".join([*way, f"{type(error).__name__}: {error}"[:1_000]])


def frames_of(error):
    return [f for f in traceback.extract_tb(error.__traceback__) if f"{BENCH}/" in f.filename]


def place(frame):
    return frame.filename.removeprefix(f"{BENCH}/")


def flaw_of_line(line):
    """What is wrong with a line that is to be printed; empty where nothing is."""
    if unprintable := controls(line):
        return f"with {unprintable}"
    if not line.strip():
        return "without a word"
    return "that is too long" if len(line) > LONGEST_LINE else ""


def controls(text):
    """The names of the characters in `text` that a terminal acts on."""
    return ", ".join(sorted({ascii(c) for c in text if unicodedata.category(c) in ("Cc", "Cs")}))


def check_output(status, out, err, coloured=False, data=False):
    """Raises FlawError unless a command ended as commands do: done, or one line and status 2.

    Lines before that one may say what was left out. `data`, for other programs, may hold any character.
    """
    if coloured:
        out, err = COLOUR.sub("", out), COLOUR.sub("", err)
    if "Traceback" in err:
        raise FlawError(f"a traceback on stderr, {err.strip().splitlines()[-1][:60]}: {err[-2_000:]}")
    if status not in (0, 2):
        raise FlawError(f"exit status {status}: {err[-2_000:]}")
    lines = err.splitlines()
    if status == 2 and not (lines and all(line.startswith("bench: ") for line in lines)):
        raise FlawError(f"{'no' if not lines else 'more than one'} line with status 2: {err[-2_000:]}")
    if flaw := next(filter(None, map(flaw_of_line, lines)), ""):
        raise FlawError(f"stderr {flaw}: {err[-2_000:]}")
    if warning := re.search(r"\w*Warning\b", err):
        raise FlawError(f"stderr with a {warning[0]}: {err[-2_000:]}")
    if not data and (unprintable := controls(out.replace("\r\n", "").replace("\n", ""))):
        raise FlawError(f"stdout with {unprintable}: {out[-2_000:]}")
    if status == 2:
        raise BenchError(lines[-1].removeprefix("bench: "))


def command(scratch, *arguments):
    """`bench` with `arguments`, in this process; what it printed. Raises as `check_output` does."""
    with printed_to(scratch) as printed:
        sys.argv = ["bench", *map(str, arguments)]
        try:
            cli.main()
            status = 0
        except SystemExit as ended:
            status = ended.code or 0
    out, err = (path.read_bytes().decode(errors="backslashreplace") for path in printed)
    check_output(status, out, err, data="csv" in arguments)
    return out


@contextlib.contextmanager
def printed_to(scratch):
    """File descriptors 1 and 2 into two files, so that nothing is missed, whoever writes."""
    paths = [scratch / name for name in ("stdout", "stderr")]
    kept = [(number, os.dup(number)) for number in (1, 2)]
    streams = sys.stdout, sys.stderr
    for number, path in zip((1, 2), paths, strict=True):
        file = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC)
        os.dup2(file, number)
        os.close(file)
    sys.stdout, sys.stderr = (
        open(number, "w", encoding="utf-8", closefd=False)  # noqa: SIM115 -- a descriptor
        for number in (1, 2)
    )
    try:
        yield paths
    finally:
        with contextlib.suppress(OSError, ValueError):
            sys.stdout.flush()
            sys.stderr.flush()
        sys.stdout, sys.stderr = streams
        for number, copy in kept:
            os.dup2(copy, number)
            os.close(copy)


def checked_json(text):
    """Raises FlawError where `text` is not JSON as the standard has it."""

    def constant(name):
        raise FlawError(f"JSON with {name}: {text[-500:]}")

    try:
        json.loads(text, parse_constant=constant)
    except ValueError as error:
        raise FlawError(f"no JSON, {error}: {text[-500:]}") from error

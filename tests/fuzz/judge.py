"""What came of a case: a result, an error as it should be, or a finding."""

import json
import traceback
from dataclasses import asdict, dataclass
from pathlib import Path

import bench
from bench.errors import BenchError
from bench.views.visible import visible
from tests import commands
from tests.output import FlawError, flaw_of_line

RESULT, ERROR, FINDING = "result", "error", "finding"
BENCH = Path(bench.__file__).parent


@dataclass(frozen=True)
class Outcome:
    """`what` is the same for findings that have the same cause, as far as can be told."""

    kind: str
    what: str = ""
    text: str = ""

    def as_json(self):
        return json.dumps(asdict(self))


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
    """Of an error; the command line shows what steers as an escape, wherever in a message it stands."""
    if flaw := flaw_of_line(visible(message)):
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


def command(*arguments):
    """What `bench` with `arguments` prints. Raises FlawError, and BenchError with the line of a refusal."""
    said = commands.bench(*arguments)
    refusal = said.refusal()
    if refusal is not None:
        raise BenchError(refusal)
    return said.output


def checked_json(text):
    """Raises FlawError where `text` is not JSON as the standard has it."""

    def constant(name):
        raise FlawError(f"JSON with {name}: {text[-500:]}")

    try:
        json.loads(text, parse_constant=constant)
    except ValueError as error:
        raise FlawError(f"no JSON, {error}: {text[-500:]}") from error

"""What the tests take for an answer of a command."""

import pytest

from tests.output import FlawError, check_output


@pytest.mark.parametrize(
    ("status", "out", "err", "flaw"),
    [
        (1, "", "bench: x\n", "exit status 1"),
        (-11, "", "", "exit status -11"),
        (2, "", "", "stderr without a line"),
        (2, "", "bench: one\ntwo\n", "stderr with a line of somebody else's"),
        (2, "", "Usage: bench\n", "stderr with a line of somebody else's"),
        (0, "", "Traceback (most recent call last):\nKeyError: 1\n", "a traceback on stderr"),
        (0, "", "x.py:1: RuntimeWarning: overflow\n", "stderr with a RuntimeWarning"),
        (0, "a\tb\x1b[31m\n", "", r"stdout with '\\t', '\\x1b'"),
        (0, "", "bench: a\x9b31m note\n", r"stderr with '\\x9b'"),
        (0, "right to left \u202e\n", "", r"stdout with '\\u202e'"),
        (0, "a table\n", "I0000 00:00:00 cpu.cc:1] tuned\n", "stderr with a line of somebody else's"),
        (0, "a table\n", "bench: left out\n" * 13, "stderr of too many lines"),
    ],
)
def test_output_that_is_no_answer(status, out, err, flaw):
    with pytest.raises(FlawError, match=f"^{flaw}"):
        check_output(status, out, err)


def test_output_that_is_an_answer():
    assert check_output(0, "a table – with ✓\r\n", "bench: left out: colleague; may not be read\n") is None
    assert check_output(0, "a,b\r\n\x1b,1\r\n", "", data=True) is None
    assert check_output(0, "\x1b[1mbold\x1b[0m\n", "", coloured=True) is None
    for note in ("", "bench: left out: colleague; may not be read\n"):
        assert check_output(2, "", f"{note}bench: x: no such file\n") == "x: no such file"

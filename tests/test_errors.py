import pytest

from bench.errors import reason


@pytest.mark.parametrize(
    ("error", "said"),
    [
        (FileNotFoundError(2, "No such file or directory", "name"), "No such file or directory"),
        (OSError("no number, only words"), "no number, only words"),
        (OSError(), "OSError"),
        (ValueError(), "ValueError"),
        (ValueError(" \n"), "ValueError"),
        (ValueError("\n first\t line \r\nand a story"), "first line"),
        (OSError(5, "two\nlines"), "two"),
        (KeyError("name"), "'name'"),
        (ValueError("x" * 200), "x" * 200),
        (ValueError("x" * 201), f"{'x' * 200}…"),
    ],
    ids=repr,
)
def test_what_an_error_says_is_one_line_of_readable_length(error, said):
    assert reason(error) == said

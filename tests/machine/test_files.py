import pytest

from bench.machine.files import parse_cores, read_cores, read_int, read_pairs, read_text


@pytest.mark.parametrize(
    ("text", "cores"),
    [("0-3,8", (0, 1, 2, 3, 8)), ("5", (5,)), ("2-2\n", (2,)), ("7,1-2,2", (1, 2, 7)), ("", ())],
)
def test_core_lists_are_in_the_kernels_format(text, cores):
    assert parse_cores(text) == cores


def test_a_text_that_is_no_core_list_is_an_error():
    with pytest.raises(ValueError, match="invalid literal"):
        parse_cores("max")


def test_readers_give_none_for_what_cannot_be_read(tmp_path):
    assert read_text(tmp_path / "missing") is None
    assert read_text(tmp_path) is None
    assert read_int(tmp_path / "missing") is None
    assert read_cores(tmp_path / "missing") is None
    assert read_pairs(tmp_path / "missing") == {}


def test_readers_give_none_for_what_is_malformed(tmp_path):
    odd = tmp_path / "odd"
    odd.write_bytes(b"max \xff\n")
    assert read_int(odd) is None
    assert read_cores(odd) is None
    assert read_pairs(odd) == {}


def test_pairs_are_read_line_by_line(tmp_path):
    stat = tmp_path / "cpu.stat"
    stat.write_text("nr_periods 12\nthrottled_usec 3400\nodd line here\n")
    assert read_pairs(stat) == {"nr_periods": 12, "throttled_usec": 3400}

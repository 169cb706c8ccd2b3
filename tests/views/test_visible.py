import pyarrow as pa
import pytest

from bench.views.visible import visible, visible_lines, visible_row, visible_table

HARMLESS = ("", "batch_size=100 · 50-50", "µ × ± ≤ 數據 é e\u0301", "a\u00a0b\u202fc", "👩\u200d🔬")


@pytest.mark.parametrize("text", HARMLESS)
def test_what_only_shows_stays_as_it_is(text):
    assert visible(text) == text


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("\x1b[2J\x1b]0;title\x07", r"\x1b[2J\x1b]0;title\x07"),
        ("two\nlines\r\tand \0", r"two\nlines\r\tand \x00"),
        ("\x7f\x9b31m\x85", r"\x7f\x9b31m\x85"),
        ("\u202eabc\u2066\u200e\u061c", r"\u202eabc\u2066\u200e\u061c"),
        ("\u2028\u2029\ufeff\U000e0041", r"\u2028\u2029\ufeff\U000e0041"),
        ("caf\udce9", r"caf\xe9"),
        ("\ud800", r"\ud800"),
    ],
)
def test_what_steers_a_terminal_or_turns_text_round_is_an_escape(text, shown):
    assert visible(text) == shown


def test_every_character_of_unicode_is_printable_then():
    shown = visible("".join(map(chr, range(0x110000))))
    shown.encode()
    assert not any(ord(character) < 32 or 0x7F <= ord(character) < 0xA0 for character in shown)


def test_lines_stay_lines_however_they_end():
    assert visible_lines("a\x1b\r\nb\n\rc") == "a\\x1b\nb\n\\rc"


def test_a_row_is_visible_and_an_error_keeps_its_lines():
    row = {"label": "a\nb", "error": "c\nd\x1b", "flags": ["e\x1b", "f"], "batch_size": 1, "node": None}
    assert visible_row(row) == {
        "label": "a\\nb",
        "error": "c\nd\\x1b",
        "flags": ["e\\x1b", "f"],
        "batch_size": 1,
        "node": None,
    }


def test_a_table_is_visible_and_keeps_its_schema():
    texts = {"label": pa.string(), "flags": pa.list_(pa.string()), "error": pa.string()}
    schema = pa.schema({**texts, "step": pa.float64()}, metadata={b"bench_schema_version": b"1"})
    rows = [
        {"label": "a\x1b", "flags": ["\u202e"], "step": 1.0, "error": None},
        {"label": "b", "flags": None, "step": None, "error": "one\ntwo"},
    ]
    shown = visible_table(pa.Table.from_pylist(rows, schema=schema))
    assert shown.schema.equals(schema, check_metadata=True)
    assert shown.to_pylist() == [{**rows[0], "label": "a\\x1b", "flags": ["\\u202e"]}, rows[1]]

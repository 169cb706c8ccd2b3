from bench.views.sheet import Sheet, as_markdown

SHEET = Sheet(
    "Scaling", "of a suite", ("strategy", "ok"), (("a|b", "1/1"), ("c", "")), ("One.", "Two & <more>.")
)


def test_a_sheet_is_a_line_a_table_and_its_sentences():
    assert as_markdown(SHEET).split("\n\n") == [
        "**Scaling**: of a suite",
        "| strategy | ok |\n| --- | --- |\n| a\\|b | 1/1 |\n| c |  |",
        "One.",
        "Two & \\<more>.\n",
    ]


def test_without_rows_and_sentences_it_ends_after_its_header():
    empty = Sheet("Scaling", "of a suite", ("strategy", "ok"), ())
    assert as_markdown(empty) == "**Scaling**: of a suite\n\n| strategy | ok |\n| --- | --- |\n"

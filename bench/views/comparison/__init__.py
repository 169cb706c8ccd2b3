"""A comparison in words, as tables for the terminal and the report, and as Markdown, CSV and JSON."""

from bench.views.comparison.files import as_csv, as_json, as_markdown, comparison_sheet
from bench.views.comparison.headline import headline
from bench.views.comparison.terminal import comparison_table
from bench.views.comparison.words import side_letters

__all__ = [
    "as_csv",
    "as_json",
    "as_markdown",
    "comparison_sheet",
    "comparison_table",
    "headline",
    "side_letters",
]

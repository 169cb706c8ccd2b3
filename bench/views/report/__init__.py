"""One self-contained page of recorded sessions: tables, and plots beside them."""

from bench.views.report.page import report_page

__all__ = ["report_page"]

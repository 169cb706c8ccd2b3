"""What earlier runs took here, for what plans ahead."""

from pathlib import Path

from bench.paths import matching


def earlier_times(results: Path, everywhere: bool = False) -> dict[str, float]:
    """Seconds of a run by scenario id, of those on this node, or `everywhere`; none without any results.

    Results that may not be read are none.
    """
    if not matching(results, "*"):
        return {}
    import platform

    from bench.analysis.forecast import earlier_seconds
    from bench.errors import StoreError
    from bench.records.store import read_sessions
    from bench.records.tables import plain_rows

    try:
        runs = plain_rows(read_sessions([str(results)]).runs)
        return earlier_seconds(runs, None if everywhere else platform.node())
    except StoreError:  # no session there yet, or one that `bench show` explains
        return {}

"""Twins: runs of one scenario in different rounds."""

from collections.abc import Collection

from bench.orchestration.runs import Run


class Twins:
    """Where the scenarios are that are at work, so that no node runs a scenario twice at once.

    Two runs of a scenario side by side would share their node's moods, and count for two all the same.
    """

    def __init__(self, together: bool) -> None:
        """`together`: they may be."""
        self._together = together
        self._nodes: dict[str, list[str]] = {}  # once for each of its runs there

    def began(self, run: Run, node_ids: Collection[str]) -> None:
        """`run` has a slot on these nodes."""
        if not self._together:
            self._nodes.setdefault(run.key, []).extend(node_ids)

    def ended(self, run: Run, node_ids: Collection[str]) -> None:
        """It has it no more."""
        nodes = self._nodes.get(run.key)
        if nodes is not None:
            for node_id in node_ids:
                nodes.remove(node_id)
            if not nodes:
                del self._nodes[run.key]

    def on(self, run: Run) -> set[str]:
        """The nodes where a twin of `run` is at work."""
        return set(self._nodes.get(run.key, ()))

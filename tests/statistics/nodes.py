"""What is said of nodes: how often equal ones are told apart, and how often a slow one is found."""

from dataclasses import dataclass, replace
from itertools import product

import numpy as np
import pyarrow as pa

from bench.analysis.nodes import node_tables
from bench.records.run_table import RunTable
from bench.views.sheet import Sheet

HEADER = (
    *("nodes", "sessions", "scenarios", "rounds", "noise", "mood"),
    *("false of the nodes", "false of the sessions", "10 % found", "20 % found", "tables"),
)
MOST_RUNS = 3_000_000
"""Of all tables of a row together, at most; there are 400 tables at most and 20 at least."""


@dataclass(frozen=True)
class Cluster:
    """Equal nodes: lognormal step times with `noise` within a session and a `mood` per node and session.

    The first node is `slow` by that share.
    """

    nodes: int
    sessions: int
    scenarios: int
    rounds: int
    noise: float
    mood: float
    slow: float = 0.0


@dataclass(frozen=True)
class Said:
    """Shares of tables: that call an equal node slower or faster, that call one so which was not in these
    sessions, and that call the first node slower.
    """

    false: float
    false_of_sessions: float
    found: float


def said(cluster, tables, seed=0):
    """What the product's own function says of so many clusters."""
    rng = np.random.default_rng(seed)
    false, of_sessions, found = zip(*(_said(cluster, rng) for _ in range(tables)), strict=True)
    return Said(float(np.mean(false)), float(np.mean(of_sessions)), float(np.mean(found)))


def _said(cluster, rng):
    """Whether it calls an equal node different, one that was not so there, and the first one slower."""
    moods = rng.normal(0, cluster.mood, (cluster.sessions, cluster.nodes))
    moods[:, 0] += np.log1p(cluster.slow)
    (table,) = node_tables(runs_of(cluster, moods, rng))
    truth = moods.mean(axis=0)
    truth -= truth[::-1] if cluster.nodes == 2 else np.median(truth)
    verdicts = ((int(node.node), node.verdict) for node in table.nodes)
    different = {node: verdict for node, verdict in verdicts if verdict in ("slower", "faster")}
    equal = {node: verdict for node, verdict in different.items() if not cluster.slow or node}
    wrong = [node for node, verdict in equal.items() if (truth[node] > 0) != (verdict == "slower")]
    wrong += [node for node in equal if abs(truth[node]) <= np.log(1.01)]
    return bool(equal), bool(wrong), different.get(0) == "slower"


def runs_of(cluster, moods, rng):
    """The runs of a cluster whose nodes have such `moods`, logarithms of shape (sessions, nodes)."""
    shape = (cluster.sessions, cluster.rounds, cluster.scenarios, cluster.nodes)
    session, number, scenario, node = (places.ravel().astype(np.int32) for places in np.indices(shape))
    levels = rng.normal(0, 1, (1, 1, cluster.scenarios, 1))
    steps = np.exp(levels + moods[:, None, None, :] + rng.normal(0, cluster.noise, shape)).ravel()
    codes = {"session_id": session, "scenario_id": scenario, "node": node}
    same = np.zeros(len(steps), np.int32)
    columns = {
        **{name: _texts(places, [str(n) for n in range(places.max() + 1)]) for name, places in codes.items()},
        **{name: _texts(same, ["a machine"]) for name in ("machine_id", "machine", "device_name")},
        "status": _texts(same, ["ok"]),
        "round": pa.array(number.astype(np.int64)),
        "step_seconds": pa.array(steps),
    }
    return RunTable(pa.table(columns))


def _texts(places, values):
    return pa.DictionaryArray.from_arrays(pa.array(places), pa.array(values))


def tables(short=False):
    """All of them in one table; `short` is a few small clusters, in less than a second."""
    if short:
        shapes = product((2, 8), (1, 5), (1,), (4,), (0.02,), (0.02,))
    else:
        shapes = product((2, 4, 8, 32, 256), (1, 5), (1, 7, 40), (4, 10), (0.005, 0.02), (0.0, 0.02, 0.05))
    rows = [_row(Cluster(*shape), 3 if short else None) for shape in shapes]
    what = "Equal nodes and one slow one, lognormal step times; a mood is of one node in one session"
    return [Sheet("Nodes", what, HEADER, tuple(rows))]


def _row(cluster, number=None):
    runs = cluster.sessions * cluster.rounds * cluster.scenarios * cluster.nodes
    number = number or min(400, max(20, MOST_RUNS // runs // 3))
    equal = said(cluster, number)
    found = [said(replace(cluster, slow=slow), number).found for slow in (0.1, 0.2)]
    return (
        *map(str, (cluster.nodes, cluster.sessions, cluster.scenarios, cluster.rounds)),
        *(f"{share * 100:g} %" for share in (cluster.noise, cluster.mood)),
        *(f"{share * 100:.1f} %" for share in (equal.false, equal.false_of_sessions, *found)),
        str(number),
    )

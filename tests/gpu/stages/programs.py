"""What a step starts on the device: read off the optimised programs that XLA dumps."""

import gzip
import os

from tests.gpu.hlo import loops
from tests.gpu.process import ProcessError
from tests.gpu.shapes import NOTEBOOK, SHORT, WIDE

KEPT_BYTES = 2**20
QUOTED = 6000


def run(check):
    dump = check.work / "hlo"
    flags = f"{os.environ.get('XLA_FLAGS', '')} --xla_dump_to={dump} --xla_dump_hlo_as_text".strip()
    points = SHORT[:1] if check.short else (NOTEBOOK[0], NOTEBOOK[2], NOTEBOOK[4], WIDE[0], WIDE[2])
    with check.process(**check.tensorflow(XLA_FLAGS=flags)) as process:
        try:
            process.call("tests.gpu.training.start", min(60, check.left), kind=check.kind)
            for point in points:
                for system in ("chunked", "dynamic") if point is points[0] else ("chunked",):
                    one(check, process, dump, point, system)
        except ProcessError as problem:
            check.report.quote(str(problem))


def one(check, process, dump, point, system):
    """The program of a window: the one with the busiest innermost loop of those that were dumped for it."""
    before = set(dump.glob("*")) if dump.exists() else set()
    told = {**point.told(), "dataset": check.dataset}
    process.call("tests.gpu.training.prepare_steps", min(60, check.left), point=told, system=system)
    new = set(dump.glob("*")) - before
    programs = [(path, loops(path.read_text())) for path in sorted(new) if optimised(path)]
    read = [(path, found) for path, found in programs if found]
    check.report.write(f"{point.name}, {system}:\n")
    if not read:
        names = ", ".join(sorted(path.name for path in new)[:20])
        check.report.write(f"no loop in what was dumped: {names or 'nothing'}\n")
        return
    path, found = max(read, key=lambda pair: pair[1][0].total)
    for loop in found[:3]:
        tell(check, point, system, path, loop)
    for thunks in sorted(new):
        if "thunk_sequence" in thunks.name and path.name.split(".")[0] in thunks.name:
            check.report.write(f"- {thunks.name}: {len(thunks.read_text().splitlines())} lines\n")
            check.report.quote(thunks.read_text()[:QUOTED])
    keep(check, path)


def optimised(path):
    return path.name.endswith("after_optimizations.txt")


def tell(check, point, system, path, loop):
    turns = (
        f"{loop.trip_count} turns, known to the compiler" if loop.trip_count else "asked for at every turn"
    )
    parts = ", ".join(f"{count} {kind}" for kind, count in loop.started.most_common())
    check.report.write(
        f"- innermost loop `{loop.body}`, {turns}: {loop.total} started per turn, "
        f"{loop.in_graphs} of them in command buffers ({parts})\n"
    )
    check.report.figure(
        "hlo",
        point=point.name,
        system=system,
        program=path.name,
        loop=loop.body,
        trip_count=loop.trip_count,
        started=dict(loop.started),
        total=loop.total,
        in_graphs=loop.in_graphs,
    )


def keep(check, path):
    """The first program, packed, where it is not too large."""
    kept = check.report.folder / "hlo.txt.gz"
    packed = gzip.compress(path.read_bytes())
    if not kept.exists() and len(packed) <= KEPT_BYTES:
        kept.write_bytes(packed)

"""Why a cluster could never hold what a run asks for, even when idle."""

from collections import Counter
from collections.abc import Iterable, Mapping

from bench.orchestration.scheduling.request import Node, Request, Shape
from bench.orchestration.scheduling.room import GPU_CORES, room

_Shapes = Mapping[Shape, int]
"""How many nodes there are of each shape."""


def infeasible(request: Request, nodes: Iterable[Node]) -> str | None:
    """Why the cluster could never hold `request`, even when idle; None where it could."""
    shapes = Counter(node.shape for node in nodes if request.node_id in (None, node.node_id))
    if not shapes:
        return "needs a node, and none is left"
    rooms = {shape: room(request, shape).on(shape.cores, shape.gpus) * n for shape, n in shapes.items()}
    fitting = _most_of_a_type(rooms) if request.gpus else sum(rooms.values())
    if fitting >= request.workers:
        return None
    return _why_not_all(request, shapes, fitting) if fitting else _why_no_worker_fits(request, shapes)


def _why_no_worker_fits(request: Request, shapes: Iterable[Shape]) -> str:
    """Why none of the nodes could hold even one worker."""
    if request.gpus and not any(shape.gpus for shape in shapes):
        return "needs a GPU, and no node has one"
    kind = f"GPUs of type {request.accelerator}" if request.accelerator else "GPUs"
    shapes = [shape for shape in shapes if request.accelerator in (None, shape.accelerator)]
    if not shapes:
        return f"needs {kind}, and no node has any"
    most_gpus = max(shape.gpus for shape in shapes)
    if request.gpus > most_gpus:
        return f"needs {request.gpus} {kind} on one node, and no node has more than {most_gpus}"
    shapes = [shape for shape in shapes if request.gpus <= shape.gpus_of_a_process]
    if not shapes:
        return f"needs {request.gpus} {kind} in one process, and a process sees only one MIG slice"
    most = max(shape.cores for shape in shapes if shape.gpus >= request.gpus)
    beside = " beside its GPUs" if request.gpus else ""
    return f"needs {request.cpus or 1} CPU cores{beside} on one node, and no node has more than {most}"


def _why_not_all(request: Request, shapes: _Shapes, fitting: int) -> str:
    """Why the nodes, which have room for so many workers, cannot hold all of them."""
    if request.spread:
        alike = ", all with GPUs of one type" if request.gpus else ""
        return f"needs {request.workers} nodes, one for each worker{alike}, and only {fitting} could hold one"
    if not request.gpus:
        cores = _several(request.cpus or 1, "CPU core")
        return f"needs {request.workers} workers with {cores} each, and all nodes together hold {fitting}"
    each, remedy = _several(request.gpus, "GPU"), ""
    if _most_of_a_type({s: s.gpus // request.gpus * n for s, n in shapes.items()}) >= request.workers:
        each += f" and {_several(request.cpus or GPU_CORES, 'CPU core')}"
        remedy = "" if request.cpus else "; set cpus = 1 if a core must do for each"
    return (
        f"needs {request.workers} workers with {each} each, all of one type, "
        f"and no type's nodes hold more than {fitting}{remedy}"
    )


def _most_of_a_type(rooms: _Shapes) -> int:
    """How many workers the nodes with the same type of GPU have room for together: the most of any type."""
    by_type = Counter[str | None]()
    for shape, workers in rooms.items():
        by_type[shape.accelerator] += workers
    return max(by_type.values())


def _several(number: int, what: str) -> str:
    return f"{number} {what}{'' if number == 1 else 's'}"

"""What it costs the driver to hear of runs on Ray, with a thousand of them side by side.

    python -m tests.scale.ray_wait [--runs 1000] [--items 6] [--pause 2]

A few actors stand for many: each run tells so many items, so many seconds apart. Once the answers are taken
as a `RayPool` takes them, from `Calls`; once from streams, one at a time by `ray.wait`, as a bound of what
that saves.
"""

import argparse
import random
import time

import ray

from bench.orchestration.on_ray.calls import Calls
from bench.orchestration.on_ray.cluster import ray_cluster

ACTORS = 4


class Teller:
    def hear(self, pause):
        """The next item of a run."""
        time.sleep(pause)
        return time.time()

    def tell(self, items, pause):
        """All items of a run."""
        time.sleep(random.random() * pause)
        for _ in range(items):
            yield time.time()
            time.sleep(pause)


def by_calls(actors, options):
    """Gives how long each item was on its way."""
    calls, delays = Calls(), []

    def hear(run, items, pause):
        def heard(answer):
            delays.append(time.time() - answer.result())
            if items > 1:
                hear(run, items - 1, options.pause)
            return []

        calls.add(actors[run % ACTORS].hear.remote(pause), heard)

    for run in range(options.runs):
        hear(run, options.items, random.random() * options.pause)
    while len(delays) < options.runs * options.items:
        calls.answered(1.0)
    return delays


def by_streams(actors, options):
    """Gives how long each item was on its way."""
    delays = []
    streams = [
        actors[run % ACTORS].tell.options(num_returns="streaming").remote(options.items, options.pause)
        for run in range(options.runs)
    ]
    while streams:
        (stream,), _ = ray.wait(streams, num_returns=1, fetch_local=False)
        try:
            delays.append(time.time() - ray.get(next(stream)))
        except StopIteration:
            streams.remove(stream)
    return delays


def measure(way, actors, options):
    began, used = time.perf_counter(), time.process_time()
    delays = sorted(way(actors, options))
    seconds, used = time.perf_counter() - began, time.process_time() - used
    print(
        f"{way.__name__}: {len(delays)} items in {seconds:.1f} s; {used / len(delays) * 1e3:.2f} ms of the "
        f"driver's cores each; heard of after {delays[len(delays) // 2] * 1e3:.0f} ms (median), "
        f"{delays[-1] * 1e3:.0f} ms (longest)"
    )


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--runs", type=int, default=1000)
    parser.add_argument("--items", type=int, default=6)
    parser.add_argument("--pause", type=float, default=2.0)
    options = parser.parse_args()
    with ray_cluster("local"):
        made = ray.remote(Teller).options(num_cpus=0, max_concurrency=-(-options.runs // ACTORS))
        actors = [made.remote() for _ in range(ACTORS)]
        ray.get([actor.__ray_ready__.remote() for actor in actors])
        for way in (by_calls, by_streams):
            measure(way, actors, options)


if __name__ == "__main__":
    main()

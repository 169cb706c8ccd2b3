"""What an event of a run costs the driver on Ray, with a thousand streams awaited side by side.

    python -m tests.scale.ray_wait [--streams 1000] [--items 10] [--pause 0.5]

A few actors have many streams each, which tell so many items, so many seconds apart. Once the answers are
taken as `Calls` takes them, once one at a time with all references built anew, as a bound of what that saves.
"""

import argparse
import functools
import random
import time

import ray

from bench.orchestration.on_ray.calls import Calls
from bench.orchestration.on_ray.cluster import ray_cluster

ACTORS = 4


class Teller:
    def __init__(self, streams):
        self._streams = streams

    def tell(self, items, pause):
        """Items at even distances, of each stream at another moment."""
        time.sleep(random.random() * pause)
        for item in range(items):
            yield item, time.time()
            time.sleep(pause)


def take(delays, calls, stream):
    """As a slot takes an answer, less what it does with it."""
    try:
        _, told_at = ray.get(next(stream))
    except StopIteration:
        calls.remove(stream)
        return []
    delays.append(time.time() - told_at)
    return [stream]


def in_batches(streams, delays):
    calls = Calls()
    for stream in streams:
        calls.add(stream, functools.partial(take, delays, calls))
    looks = 0
    while len(calls):
        calls.answered(60.0)
        looks += 1
    return looks


def one_at_a_time(streams, delays):
    calls = Calls()  # holds nothing here
    open_, looks = list(streams), 0
    while open_:
        (stream,), _ = ray.wait(list(dict.fromkeys(open_)), num_returns=1, fetch_local=False)
        looks += 1
        if not take(delays, calls, stream):
            open_.remove(stream)
    return looks


def measure(name, way, actors, options):
    streams = [
        actors[number % len(actors)]
        .tell.options(num_returns="streaming")
        .remote(options.items, options.pause)
        for number in range(options.streams)
    ]
    delays = []
    began, used = time.perf_counter(), time.process_time()
    looks = way(streams, delays)
    seconds, used = time.perf_counter() - began, time.process_time() - used
    delays.sort()
    print(
        f"{name}: {len(delays)} events in {seconds:.1f} s, {looks} looks; of the driver's CPU "
        f"{used / len(delays) * 1e3:.2f} ms an event; heard of after {delays[len(delays) // 2] * 1e3:.0f} ms "
        f"(median), {delays[-1] * 1e3:.0f} ms (longest)"
    )


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--streams", type=int, default=1000)
    parser.add_argument("--items", type=int, default=10)
    parser.add_argument("--pause", type=float, default=0.5)
    options = parser.parse_args()
    with ray_cluster("local"):
        made = ray.remote(Teller).options(num_cpus=0, max_concurrency=-(-options.streams // ACTORS))
        actors = [made.remote(options.streams) for _ in range(ACTORS)]
        ray.get([actor.__ray_ready__.remote() for actor in actors])
        measure("in batches", in_batches, actors, options)
        measure("one at a time", one_at_a_time, actors, options)


if __name__ == "__main__":
    main()

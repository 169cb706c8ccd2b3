"""One system on one shape, in this process: prints a line of JSON with its step time and accuracy."""

import importlib
import json
import os
import sys
from pathlib import Path
from statistics import median

from bench.data.datasets import load
from tests.peers.shapes import SHAPES


def main(system, shape_name, dataset_name, data):
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
    shape = next(s for s in SHAPES if s.name == shape_name)
    dataset = load(dataset_name, Path(data) if data else None)
    module = importlib.import_module(f"tests.peers.systems.{system.replace('-', '_')}")
    trainer = module.prepare(shape, dataset)
    trainer.train(shape.steps)
    times = [trainer.train(shape.steps) / shape.steps for _ in range(shape.windows)]
    print(json.dumps({"step_seconds": median(times), "accuracy": trainer.accuracy()}))


if __name__ == "__main__":
    main(*sys.argv[1:])

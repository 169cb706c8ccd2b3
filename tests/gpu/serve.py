"""A process that does what it is asked: a function and its arguments in JSON, one line each, and the answers.

What libraries print goes where errors go, so that nothing gets between the answers.
"""

import importlib
import json
import os
import sys
import traceback


def main():
    answers = os.fdopen(os.dup(1), "w")
    os.dup2(2, 1)
    for line in sys.stdin:
        answers.write(json.dumps(answer(json.loads(line)), default=plain) + "\n")
        answers.flush()


def answer(asked):
    module, _, name = asked["function"].rpartition(".")
    try:
        return {"value": getattr(importlib.import_module(module), name)(**asked["arguments"])}
    except Exception as problem:
        return {"problem": f"{type(problem).__name__}: {problem}", "trace": traceback.format_exc()}


def plain(value):
    """NumPy's numbers as Python's."""
    return value.item() if hasattr(value, "item") else str(value)


if __name__ == "__main__":
    main()

"""What has to be set before TensorFlow starts, so that the same run gives the same numbers again."""

from collections.abc import MutableMapping
from pathlib import Path

XLA_FLAGS = "--xla_gpu_deterministic_ops=true --xla_gpu_autotune_level=0"
"""Either keeps XLA from timing algorithms and taking the fastest, which may be another one in each process
(`select_first_config` in its autotuner_pass.cc); the former also keeps it from atomic additions."""


def ask_for_determinism(environ: MutableMapping[str, str]) -> None:
    """Set what XLA and cuDNN read once, beside the flags that are there and before TensorFlow is imported.

    The operations of TensorFlow itself are asked after the import: `enable_op_determinism`.
    """
    environ["XLA_FLAGS"] = f"{_flags(environ.get('XLA_FLAGS', ''))} {XLA_FLAGS}".lstrip()
    environ["TF_CUDNN_USE_AUTOTUNE"] = "0"


def _flags(given: str) -> str:
    """XLA takes what does not begin with a dash for the name of a file that holds the flags."""
    return given if not given.strip() or given.lstrip().startswith("-") else Path(given).read_text().strip()

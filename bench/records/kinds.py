"""The kinds of device that a process can train on. Imports nothing heavy."""

from typing import Literal

DeviceKind = Literal["cpu", "gpu"]

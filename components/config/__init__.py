"""Reads and checks a stack's configuration, all of it before any resource exists.

`StackConfig.load()` returns the starter's keys as one frozen object, or raises one `ConfigError`
that lists everything there is to put right. A program with other keys derives a class from
`Settings`.
"""

from .loading import Context, Given, GivenKey, Part, Settings
from .problems import ConfigError, Problem
from .starter import StackConfig

__all__ = [
    "ConfigError",
    "Context",
    "Given",
    "GivenKey",
    "Part",
    "Problem",
    "Settings",
    "StackConfig",
]

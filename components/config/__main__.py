"""Prints docs/configuration.md of a program: `python -m components.config [MODULE:CLASS]`."""

import importlib
import sys

from .reference import markdown

OWN = "components.config.starter:StackConfig"

module, _, name = (sys.argv[1] if len(sys.argv) > 1 else OWN).partition(":")
sys.stdout.write(markdown(getattr(importlib.import_module(module), name)))

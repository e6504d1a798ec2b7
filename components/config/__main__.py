"""Prints docs/configuration.md: `python -m components.config > docs/configuration.md`."""

import sys

from .reference import markdown
from .starter import StackConfig

sys.stdout.write(markdown(StackConfig))

"""A small ledger: a page, an API, a worker and a static build, made to be deployed."""

from importlib.metadata import version

__version__ = version("ledger")

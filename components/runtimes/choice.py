"""Which runtime runs a workload."""

from ..workload import WorkloadArgs
from .docker import Docker
from .runtime import Runtime
from .systemd import Systemd


def chosen(args: WorkloadArgs) -> Runtime:
    """Return the runtime of a workload, which has been asked whether it can do what is wanted.

    Raises:
        ValueError: it cannot; naming component, field, rule and cure.
    """
    runtime = args.runtime or (Systemd() if args.artefact else Docker())
    try:
        runtime.check(args)
    except ValueError as error:
        msg = f"{type(args).__name__.removesuffix('Args')}: {error}"
        raise ValueError(msg) from None
    return runtime

"""What the runtimes of container engines have in common."""

from ..workload import WorkloadArgs


def check_accounts(args: WorkloadArgs, account: str, runtime: str) -> None:
    """Refuse networks, volumes and logins that belong to another engine than the workload's.

    Raises:
        ValueError: naming the field, what it names, and the cure.
    """
    theirs = [("networks", network.full_name, network.account) for network in args.networks]
    theirs += [("volumes", each.full_name, each.account) for each in args.volumes.values()]
    if args.registry:
        theirs.append(("registry", args.registry.registry, args.registry.account))
    for field, name, owner in theirs:
        if owner != account:
            whose = f"the account {owner}" if owner else "Docker"
            wanted = f"with account= of {account}" if account else "without account="
            msg = f"{field}: {name} belongs to {whose}, not to {runtime}; make one {wanted}"
            raise ValueError(msg)

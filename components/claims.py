"""What the parts of one program ask of one host: nothing can be had twice, unnoticed."""


class Claims:
    """Remembers, for one host and one run of the program, who asked for what."""

    def __init__(self) -> None:
        """Start with nothing asked for."""
        self._taken: dict[tuple[str, str], str] = {}
        self._memory: dict[str, int] = {}

    def take(self, kind: str, value: str | int, owner: str, *, cure: str) -> None:
        """Claim something that only one part of the program can have.

        Args:
            kind: what it is, for the message: "stable port", "app name".
            value: which one.
            owner: the part of the program that wants it.
            cure: what a person can do when somebody else has it.

        Raises:
            ValueError: naming both owners, the thing and the cure.
        """
        other = self._taken.setdefault((kind, str(value)), owner)
        if other != owner:
            msg = f"{owner}: {kind} {value} is already taken by {other} on this host; {cure}"
            raise ValueError(msg)

    def memory(self, owner: str, mib: int, available_mib: int | None) -> None:
        """Claim memory; what all owners claim must fit into what the machine is known to have.

        Args:
            owner: the part of the program that wants it.
            mib: its limit in MiB.
            available_mib: the machine's memory in MiB; None when only the machine knows.

        Raises:
            ValueError: listing every claim, largest first, when they no longer fit together.
        """
        self._memory[owner] = mib
        total = sum(self._memory.values())
        if available_mib is not None and total > available_mib:
            claims = sorted(self._memory.items(), key=lambda claim: (-claim[1], claim[0]))
            listed = ", ".join(f"{name} {size} MiB" for name, size in claims)
            msg = (
                f"{owner}: memory limits add up to {total} MiB, the host has {available_mib} MiB "
                f"({listed}); lower memory_mib or take a larger server"
            )
            raise ValueError(msg)

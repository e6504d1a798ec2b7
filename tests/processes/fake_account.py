"""A rootless account for tests of tools: its commands are written down, its files are real."""

from tests.processes.fake_commands import FakeCommands
from tests.processes.tool_runner import Machine

ACCOUNT = "apps"
UNITS = "home/apps/.config/containers/systemd"


class FakeAccount(FakeCommands):
    """The commands by which the tools act as the account."""

    def __init__(self, machine: Machine) -> None:
        super().__init__(machine, "podman", "systemctl", "journalctl", "nft")
        self.add_passing("setpriv")
        self._machine = machine

    def units(self) -> dict[str, str]:
        """The account's Quadlet units, by file name."""
        folder = self._machine.root / UNITS
        return {path.name: path.read_text() for path in sorted(folder.glob("*"))}

    def unit(self, service: str, **properties: object) -> None:
        """Say how a service is."""
        known = {
            "LoadState": "loaded",
            "ActiveState": "active",
            "NRestarts": 0,
            "ExecMainCode": 0,
            "ExecMainStatus": 0,
            **properties,
        }
        shown = "".join(f"{key}={value}\n" for key, value in known.items())
        self.answer(f"systemctl --user show {service}", shown)

    def asked(self) -> list[str]:
        """What podman and the service manager were told, in order."""
        return [line for line in self.lines() if line.startswith(("podman", "systemctl"))]

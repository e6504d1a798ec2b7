"""Looks at a rootless account of a test's server, from outside the program."""

import dataclasses
import json
import shlex

from tests.e2e.local_stack import LocalStack

AWKWARD = 'a "b" \\ $HOME ${PATH} %h %% \' ü\tc\nd'
"""As the program gives it to the app: everything that units might take for more than text."""


@dataclasses.dataclass(frozen=True)
class Account:
    """The account `apps` of a stack's server."""

    stack: LocalStack

    def run(self, command: str) -> str:
        """Run a command as the account, in its own session."""
        session = "XDG_RUNTIME_DIR=/run/user/$(id -u apps)"
        inside = f"cd / && {session} setpriv --reuid=apps --regid=apps --init-groups sh -c"
        return self.stack.ssh(f"{inside} {shlex.quote(f'HOME=/home/apps; {command}')}")

    def instances(self) -> set[str]:
        """The containers that there are, running or not, but for those of cron jobs."""
        named = self.run("podman ps --all --format '{{.Names}}'").split()
        return {name for name in named if not name.startswith("quadlet-test-tidy-")}

    def expected(self) -> set[str]:
        """The containers that the program's outputs name."""
        return {self.stack.output(name) for name in ("instance", "database", "greeter")}

    def secrets(self) -> set[str]:
        """The secrets that there are."""
        return set(self.run("podman secret ls --format '{{.Name}}'").split())

    def expected_secrets(self) -> set[str]:
        """The secrets of releases whose jobs are done."""
        web, database = self.stack.output("instance"), self.stack.output("database")
        return {f"{web}-DATABASE_PASSWORD", f"{database}-POSTGRES_PASSWORD"}

    def restarts(self, name: str) -> int:
        """How often a container was started again."""
        shown = self.run(f"systemctl --user show {name}.service --property=NRestarts --value")
        return int(shown)

    def live_port(self) -> int:
        """The port to which the kernel leads the app's stable port."""
        printed = self.stack.ssh("nft -j list map ip homeport_quadlet_test live")
        (made,) = [item["map"] for item in json.loads(printed)["nftables"] if "map" in item]
        return int(dict(made["elem"])[int(self.stack.output("port"))])

    def healthy(self) -> bool:
        """Whether the app answers at its stable port."""
        url = f"http://127.0.0.1:{self.stack.output('port')}/healthz"
        asked = f"curl --silent --output /dev/null --write-out '%{{http_code}}' {url} || :"
        return self.stack.ssh(asked).strip() == "200"

    def connections(self, port: int) -> int:
        """Connections at a local port, as /proc/net/tcp shows them."""
        listed = self.stack.ssh(f"ss -tnH state established '( sport = :{port} )'")
        return len(listed.splitlines())

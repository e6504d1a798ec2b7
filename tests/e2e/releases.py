"""What releases do on every runtime: broken ones leave again, and there is a way back.

A module of tests gives the fixture `deployed` and has `class TestReleases(Releases)`.
"""

import contextlib
import dataclasses
import time
from collections.abc import Callable, Iterator, Mapping

import httpx

from homeport import releases, smoke, stacks
from tests.e2e.load import Load
from tests.e2e.local_stack import LocalStack

BROKEN = {
    "never-healthy": (8, "was not healthy within 8 s: GET /healthz on its port"),
    "crash-after:0": (90, "ended with exit code 70"),
    "migration-fails": (60, "the job ended with exit code 1"),
}
"""What a release may do: for how many seconds it is waited for, and what the deploy says then."""
REGISTRY = "ghcr.io"


@dataclasses.dataclass(frozen=True, kw_only=True)
class Deployed:
    """A stack with the app `web`, the ledger, on one of the runtimes."""

    stack: LocalStack
    hostname: str
    """Where its site is."""
    setting: str
    """What makes a release, as the program's output `release_settings` says."""
    values: tuple[str, str]
    """Of that setting: the one that every test begins and ends with, and a later one."""
    instances: Callable[[], set[str]]
    """Everything that runs, or did."""
    expected: Callable[[], set[str]]
    """What should run, and nothing else."""

    def load(self) -> Load:
        ca = self.stack.cloud.environment["HOMEPORT_CA"]
        return Load(self.stack.output("address"), self.hostname, ca)

    def ask(self, method: str, path: str, json: Mapping[str, str] | None = None) -> httpx.Response:
        site = smoke.Site(
            hostname=self.hostname,
            address=self.stack.output("address"),
            ca_file=self.stack.cloud.environment["HOMEPORT_CA"],
        )
        return site.request(method, path, json=json).raise_for_status()

    @contextlib.contextmanager
    def without_registry(self) -> Iterator[None]:
        """Lead the server's way to the registry nowhere."""
        self.stack.ssh(f"cp /etc/hosts /root/hosts && echo 127.0.0.1 {REGISTRY} >>/etc/hosts")
        try:
            yield
        finally:
            self.stack.ssh("cat /root/hosts >/etc/hosts")

    def rollback(self, app: str) -> None:
        """Do what `homeport rollback` does."""
        aim = _Target(
            project=self.stack.folder,
            stack="test",
            cloud=None,
            variables=self.stack.cloud.environment,
        )
        releases.rollback(aim, app, None)
        assert stacks.run(aim, "up", ["--yes", "--skip-preview"]) == 0


@dataclasses.dataclass(frozen=True, kw_only=True, slots=True)
class _Target(stacks.Target):
    """A stack of these tests, as the commands of `homeport` take one."""

    variables: Mapping[str, str] = dataclasses.field(repr=False)

    @property
    def environment(self) -> dict[str, str]:
        return dict(self.variables)


class Releases:
    """The tests that are the same for all runtimes."""

    def test_broken_releases_keep_the_old_one_and_the_next_up_converges(
        self, deployed: Deployed
    ) -> None:
        stack = deployed.stack
        before, serving = stack.output("release"), deployed.expected()
        with deployed.load() as seen:
            for mode, (seconds, said) in BROKEN.items():
                stack.configure(fail_mode=mode, start_seconds=str(seconds))
                printed = stack.up_fails()
                assert said in printed, printed
                assert "next: " in printed
            # Every process has a PATH, whoever sets it: known on the host alone.
            stack.configure(fail_mode="none", start_seconds="61", forbidden="PATH")
            assert "is not as agreed: PATH is set and must not be" in stack.up_fails()
            # Back to the release that serves: nothing happens to it, the broken ones go.
            stack.configure(fail_mode="none", start_seconds="60", forbidden="")
            stack.up()
            time.sleep(1)
        assert seen.lost == {}
        assert set(seen.releases) == {before}
        assert deployed.instances() == serving == deployed.expected()

    def test_a_rollback_needs_no_registry_and_loses_neither_a_request_nor_data(
        self, deployed: Deployed
    ) -> None:
        stack, (first, second) = deployed.stack, deployed.values
        before = stack.output("release")
        stack.configure(**{deployed.setting: second})
        stack.up()
        later = stack.output("release")
        entry = {"description": "kept over a rollback", "amount": "7.00"}
        written = deployed.ask("POST", "/api/entries", entry).json()
        with deployed.without_registry(), deployed.load() as seen:
            deployed.rollback("web")
            time.sleep(1)
        assert seen.lost == {}
        assert set(seen.releases) == {later, before}
        assert stack.pulumi("config", "get", deployed.setting).stdout.strip() == first
        read = deployed.ask("GET", f"/api/entries/{written['id']}")
        assert read.json()["description"] == entry["description"]
        assert read.headers["x-release"] == before == stack.output("release")
        assert deployed.instances() == deployed.expected()

"""The container engine of a step: Docker, or the Podman of the rootless account that it names."""

import dataclasses
from collections.abc import Sequence
from subprocess import CompletedProcess

import _rootless
from _homeport import Spec, run


@dataclasses.dataclass
class Engine:
    """A command line, and the words in which the engines differ."""

    title: str
    """Its name for people."""
    name: str
    """Its command."""
    before: list[str]
    """What goes before its command."""
    login: str
    """The variable, with its value, by which a pull finds its login; may be empty."""
    root: str
    """Asks `info` for the folder of images."""
    look: str
    """What a person does when it does not answer."""

    def command(
        self,
        *arguments: str,
        login: bool = False,
        variables: "Sequence[str]" = (),
        within: "Sequence[str]" = (),
    ) -> "list[str]":
        """Return the command line that has the engine do something.

        Args:
            arguments: what it is to do.
            login: whether it may need the step's login to a registry.
            variables: further ones of its environment, each with its value.
            within: what runs it, such as in a unit with limits; passes no environment on.
        """
        own = [*([self.login] if login and self.login else []), *variables]
        if own and (within or not self.before):
            own = ["env", *own]
        return [*self.before, *within, *own, self.name, *arguments]

    def run(
        self,
        *arguments: str,
        stdin: "str | None" = None,
        check: bool = True,
        login: bool = False,
        timeout_seconds: float = 600,
        cure: str = "",
    ) -> "CompletedProcess[str]":
        """Run the engine's command; the rest is as with `run`."""
        argv = self.command(*arguments, login=login)
        return run(argv, stdin=stdin, check=check, timeout_seconds=timeout_seconds, cure=cure)


def engine(spec: Spec) -> Engine:
    """Return the engine that a step's document, or an instance, belongs to."""
    account = spec.get("account")
    if account:
        login = spec.get("auth_file")
        file = _rootless.below_home(account, login) if login else ""
        return Engine(
            title="Podman",
            name="podman",
            before=_rootless.prefix(account),
            login=f"REGISTRY_AUTH_FILE={file}" if login else "",
            root="{{.Store.GraphRoot}}",
            look=f"try `podman info` as the account {account}",
        )
    return Engine(
        title="Docker",
        name="docker",
        before=[],
        login=f"DOCKER_CONFIG={spec['docker_config']}" if spec.get("docker_config") else "",
        root="{{.DockerRootDir}}",
        look="look at `systemctl status docker`",
    )

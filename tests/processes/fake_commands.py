"""Commands of a host that only write down how they were called, for tests of tools."""

import dataclasses
import json
import os
import sys

from tests.processes.tool_runner import Machine

_SCRIPT = """\
#!{python}
import json, pathlib, sys
line = " ".join([{name!r}, *sys.argv[1:]])
stdin = "" if sys.stdin is None or sys.stdin.isatty() else sys.stdin.read()
with pathlib.Path({log!r}).open("a") as log:
    log.write(json.dumps([line, stdin]) + "\\n")
answers = json.loads(pathlib.Path({answers!r}).read_text())
start = max((a for a in answers if line.startswith(a)), key=len, default=None)
code, out = answers[start] if start else (0, "")
sys.stdout.write(out if code == 0 else "")
sys.stderr.write(out if code else "")
sys.exit(code)
"""

_PASSING = """\
#!{python}
import json, os, pathlib, sys
with pathlib.Path({log!r}).open("a") as log:
    log.write(json.dumps([" ".join([{name!r}, *sys.argv[1:]]), ""]) + "\\n")
rest = [*sys.argv[1:]]
while rest[0].startswith("-"):
    rest.pop(0)
os.execvp(rest[0], rest)
"""


@dataclasses.dataclass(frozen=True)
class Call:
    """One call: its command line and what it was fed with."""

    line: str
    stdin: str


class FakeCommands:
    """A folder at the head of PATH in which every command succeeds, unless told otherwise."""

    def __init__(self, machine: Machine, *names: str) -> None:
        self._folder = machine.root.parent / "commands"
        self._folder.mkdir(exist_ok=True)
        self._log = self._folder.parent / "commands.log"
        self._answers = self._folder.parent / "commands.json"
        self._answers.write_text("{}")
        self._log.write_text("")
        machine.environment["PATH"] = f"{self._folder}:{os.environ['PATH']}"
        for name in names:
            self.add(name)

    def add(self, name: str) -> None:
        file = self._folder / name
        text = _SCRIPT.format(
            python=sys.executable, name=name, log=str(self._log), answers=str(self._answers)
        )
        file.write_text(text)
        file.chmod(0o755)

    def add_passing(self, name: str) -> None:
        """Have a command that runs what follows its options, as `setpriv` does."""
        file = self._folder / name
        file.write_text(_PASSING.format(python=sys.executable, name=name, log=str(self._log)))
        file.chmod(0o755)

    def answer(self, start: str, out: str = "", *, code: int = 0) -> None:
        """Answer command lines that start like this; the longest start wins."""
        answers = json.loads(self._answers.read_text())
        self._answers.write_text(json.dumps({**answers, start: [code, out]}))

    def calls(self) -> list[Call]:
        return [Call(*json.loads(line)) for line in self._log.read_text().splitlines()]

    def lines(self, start: str = "") -> list[str]:
        """The command lines so far that start like this."""
        return [call.line for call in self.calls() if call.line.startswith(start)]

    def forget(self) -> None:
        self._log.write_text("")

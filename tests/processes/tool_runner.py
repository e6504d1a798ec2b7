"""Runs the tools of `assets/remote` as real processes, with a file system of their own."""

import dataclasses
import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parent.parent.parent
FAKES = Path(__file__).parent / "fakes"
SYSTEM = "shop-staging"


@dataclasses.dataclass(frozen=True, kw_only=True)
class Ended:
    """How a run of a tool ended."""

    code: int
    out: str
    err: str

    @property
    def report(self) -> dict[str, Any]:
        """What the tool printed, as JSON."""
        parsed: dict[str, Any] = json.loads(self.out)
        return parsed


class Machine:
    """A folder that stands for a host's file system, with a fake docker and a fake nft."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self.environment: dict[str, str] = {}
        self._docker = root.parent / "docker.json"
        self.nft_file = root.parent / "nft.json"
        self.set_docker({})

    @property
    def stack(self) -> Path:
        """The stack's folder."""
        return self.root / "opt/homeport" / SYSTEM

    def set_docker(self, state: dict[str, Any]) -> None:
        self._docker.write_text(json.dumps(state))

    def docker(self) -> dict[str, Any]:
        state: dict[str, Any] = json.loads(self._docker.read_text())
        return state

    def docker_calls(self) -> list[list[str]]:
        """The command lines that docker was called with."""
        return [arguments for arguments, _ in self._calls()]

    def docker_logins(self) -> list[str | None]:
        """DOCKER_CONFIG of each call."""
        return [config for _, config in self._calls()]

    def _calls(self) -> list[Any]:
        path = self._docker.with_suffix(".calls")
        return [json.loads(line) for line in path.read_text().splitlines()] if path.exists() else []

    def routes(self) -> dict[int, int] | None:
        """What the fake nft's map holds; None without a table."""
        if not self.nft_file.exists():
            return None
        return {int(k): v for k, v in json.loads(self.nft_file.read_text()).items()}

    def receipt(self, name: str) -> dict[str, Any] | None:
        path = self.stack / "receipts" / f"{name}.json"
        if not path.exists():
            return None
        content: dict[str, Any] = json.loads(path.read_text())
        return content

    def write_receipt(self, name: str, content: dict[str, Any]) -> None:
        path = self.stack / "receipts" / f"{name}.json"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(json.dumps(content))

    def write(self, path: str, text: str) -> Path:
        """Write a file below the root."""
        file = self.root / path.lstrip("/")
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(text)
        return file

    def start(self, tool: str, verb: str, spec: dict[str, Any]) -> "subprocess.Popen[str]":
        """Start a tool and give it its document."""
        process = self.start_script(ROOT / "assets/remote" / f"{tool}.py", verb)
        assert process.stdin
        process.stdin.write(json.dumps({"system": SYSTEM, "step": f"the {tool} step", **spec}))
        process.stdin.close()
        process.stdin = None
        return process

    def start_script(self, path: Path, verb: str) -> "subprocess.Popen[str]":
        """Start a script that finds this machine's folder and commands in its environment."""
        return subprocess.Popen(
            [sys.executable, "-B", "-S", str(path), verb],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            env={
                **os.environ,
                "PATH": f"{FAKES}:{os.environ['PATH']}",
                "HOMEPORT_ROOT": str(self.root),
                "FAKE_DOCKER": str(self._docker),
                "FAKE_NFT": str(self.nft_file),
                **self.environment,
            },
        )

    def run(self, tool: str, verb: str, spec: dict[str, Any]) -> Ended:
        """Run a tool to its end."""
        process = self.start(tool, verb, spec)
        out, err = process.communicate(timeout=60)
        return Ended(code=process.returncode, out=out, err=err)

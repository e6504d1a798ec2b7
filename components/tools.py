"""The tools that run on a host, read from `assets/remote`.

A tool is planted under its name without suffix; what tools import (`_homeport.py`) keeps its name.
"""

import functools
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

ASSETS = Path(__file__).parent.parent / "assets"

MARK = "#homeport"
"""Ends what a password prompt may read of standard input; after it comes the document."""

_START = """\
import types
shared = types.ModuleType("_homeport")
exec(SPEC["program"]["shared"], shared.__dict__)
sys.modules["_homeport"] = shared
exec(SPEC.pop("program")["tool"], {"__name__": "__main__", "SPEC": SPEC})
"""


@functools.cache
def tools() -> Mapping[str, str]:
    """Return the planted name and the text of every tool, read once for all hosts."""
    files = sorted((ASSETS / "remote").glob("*.py"))
    return {planted_name(file.name): file.read_text() for file in files}


def planted_name(file_name: str) -> str:
    """Return the name that a file of `assets/remote` has on the host."""
    return file_name if file_name.startswith("_") else file_name.removesuffix(".py")


def carried(tool: str, spec: Mapping[str, Any]) -> str:
    """Return a JSON document that brings its own tool, for a host where none is planted yet.

    The tool must end with `main(verbs, globals().get("SPEC"))`.
    """
    have = tools()
    program = {"start": _START, "shared": have["_homeport.py"], "tool": have[tool]}
    return json.dumps({**spec, "program": program}, sort_keys=True)


def launcher(verb: str) -> str:
    """Return the shell line that runs a document which brings its own tool.

    Whether a password prompt has read the line before the mark or left it makes no difference.
    """
    text = f"sys.stdin.read().rpartition('{MARK}')[2]"
    code = f"import json, sys; SPEC = json.loads({text}); exec(SPEC['program']['start'])"
    missing = "this machine has no python3; next: as root, apt-get install python3"
    found = f'command -v python3 >/dev/null || {{ echo "{missing}" >&2; exit 1; }}'
    return f'{found}; exec python3 -c "{code}" {verb}'

"""What every test gets."""

import asyncio
from collections.abc import Iterator
from pathlib import Path

import pytest


def pytest_addoption(parser: pytest.Parser) -> None:
    """Add the options of this project."""
    parser.addoption(
        "--seeds", type=int, default=30, help="how many made-up configurations are tried"
    )
    parser.addoption(
        "--update-snapshots", action="store_true", help="store what was found as what is expected"
    )


@pytest.fixture
def update_snapshots(request: pytest.FixtureRequest) -> bool:
    """Whether snapshots are stored anew."""
    return bool(request.config.getoption("--update-snapshots"))


@pytest.fixture(autouse=True)
def event_loop_for_outputs() -> Iterator[None]:
    """Give plain tests a loop for their Outputs, whatever an earlier test did with its own."""
    loop = asyncio.new_event_loop()
    asyncio.set_event_loop(loop)
    yield
    loop.close()


@pytest.fixture(autouse=True)
def private_run_folder(
    request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch
) -> dict[str, dict[str, str]]:
    """Keep programs under test from writing SSH keys over those of a real stack.

    Returns what would have been written: texts by folder and file name.
    """
    written: dict[str, dict[str, str]] = {}
    if "test_ssh" in request.node.nodeid:
        return written

    def keep(folder: Path, contents: dict[str, str]) -> None:
        written[str(folder)] = contents

    monkeypatch.setattr("components.ssh.write_private", keep)
    return written

from collections.abc import Iterator
from pathlib import Path

import pytest
from hcloud import Client

from tests.unit.cloud.machinery import MemoryMachinery
from tests.unit.cloud.service import Service, Stage


@pytest.fixture
def machinery() -> MemoryMachinery:
    return MemoryMachinery()


@pytest.fixture(scope="session")
def stage() -> Iterator[Stage]:
    running = Stage()
    running.start()
    yield running
    running.stop()


@pytest.fixture
def service(stage: Stage, tmp_path: Path, machinery: MemoryMachinery) -> Iterator[Service]:
    with stage.serving(tmp_path / "cloud.sqlite", machinery) as running:
        yield running


@pytest.fixture
def client(service: Service) -> Client:
    return service.client()

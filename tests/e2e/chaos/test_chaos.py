"""Whatever dies at whichever step of a deploy: visitors are served, the next `up` converges."""

import dataclasses
import itertools
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from homeport.cloud.instance import Cloud
from tests.e2e.chaos import dying
from tests.e2e.chaos.dying import STEPS, Site, deploying
from tests.e2e.local_stack import local_cloud, open_stack

pytestmark = [pytest.mark.e2e, pytest.mark.timeout(1800)]


@dataclasses.dataclass(frozen=True)
class Victim:
    """What is killed, and what visitors may notice of it."""

    kill: Callable[[Site, int], None]
    may_lose: bool = False


VICTIMS = {
    "engine": Victim(dying.kill_engine),
    "sshd": Victim(dying.kill_sshd),
    "docker": Victim(dying.kill_docker, may_lose=True),
    "power": Victim(dying.cut_the_power, may_lose=True),
}


@pytest.fixture(scope="module")
def site(cloud: Cloud, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    folder = tmp_path_factory.mktemp("chaos")
    stack = open_stack("chaos", Path(__file__).parent / "program", folder, local_cloud(cloud))
    stack.configure(image=dying.IMAGES[0], generation="0")
    try:
        stack.up()
        yield Site.of(stack, cloud)
    finally:
        stack.destroy()


@pytest.mark.parametrize(("victim", "step"), list(itertools.product(VICTIMS, STEPS)))
def test_it_serves_throughout_and_the_next_up_converges(
    site: Site, victim: str, step: str, record_property: Callable[[str, object], None]
) -> None:
    before = site.output("release")
    site.next_release()
    with site.load() as seen:
        with deploying(site) as engine:
            site.wait_at(step)
            VICTIMS[victim].kill(site, engine.pid)
            site.go_on(step)
        site.wait_until_it_serves()
        assert site.up() == 0
        site.wait_until_it_serves()
    record_property("lost", f"{sum(seen.lost.values())} of {seen.answers.total()}: {seen.lost}")
    if not VICTIMS[victim].may_lose:
        assert seen.lost == {}
    # An answer of the proxy itself, such as 502, is of no release, and counts as lost.
    assert set(seen.releases) - {"none"} == {before, site.output("release")}
    assert site.instances() == {site.output("container")}
    assert "pending_operations" not in site.state

"""What the growth of a program is measured with, and what is computed from it."""

import pytest

from bench.scale import __main__ as scale
from tests.recorder import record


@pytest.mark.parametrize(("hosts", "apps"), [(1, 1), (1, 25), (3, 2)])
def test_the_program_has_as_many_servers_and_apps_as_told_each_with_a_port_of_its_own(
    hosts: int, apps: int
) -> None:
    made = record(
        scale.PROGRAM / "__main__.py",
        stack="bench",
        project="bench",
        config={"hosts": hosts, "apps": apps},
    )
    containers = [each for each in made.resources if "docker:index/container" in each.type]
    ports = {port["external"] for each in containers for port in each.inputs["ports"]}
    assert [each.type for each in made.resources].count("hcloud:index/server:Server") == hosts
    assert len(containers) == hosts * apps
    assert hosts > 1 or len(ports) == apps


def test_growth_is_given_as_medians_ratios_a_slope_and_how_straight_it_is() -> None:
    rows = scale.grown("preview_{}_apps", {1: [3.0, 4.0, 9.0], 11: [14.0]}, [2.0, 2.0])
    values = {(row.tool, row.metric): row.value for row in rows}
    assert values == {
        ("empty program", "preview_seconds_0_apps"): 2.0,
        ("homeport", "preview_seconds_1_apps"): 4.0,
        ("homeport", "preview_seconds_11_apps"): 14.0,
        ("homeport", "preview_ratio_to_empty_1_apps"): 2.0,
        ("homeport", "preview_ratio_to_empty_11_apps"): 7.0,
        ("homeport", "preview_slope_apps"): 1.0,
        ("homeport", "preview_r_squared_apps"): 1.0,
    }

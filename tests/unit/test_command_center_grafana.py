"""What command-center's Grafana loads: where figures are from, and the four dashboards."""

import json
import re
from typing import Any

import pytest
import yaml

from systems.command_center import dashboards, grafana, monitoring_files


def loaded(title: str) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(grafana.files()[f"{grafana.PANELS}/{title.lower()}.json"])
    return found


def test_figures_are_from_prometheus_below_its_own_path() -> None:
    text = grafana.files()[f"{grafana.SETTINGS}/datasources/platform.yaml"]
    (source,) = yaml.safe_load(text)["datasources"]
    assert source["url"] == "http://prometheus:9090/prometheus"
    assert (source["type"], source["uid"]) == ("prometheus", dashboards.SOURCE["uid"])


def test_dashboards_are_looked_for_where_they_lie() -> None:
    text = grafana.files()[f"{grafana.SETTINGS}/dashboards/platform.yaml"]
    (provider,) = yaml.safe_load(text)["providers"]
    paths = [path for path in grafana.files() if path.endswith(".json")]
    assert {path.rpartition("/")[0] for path in paths} == {provider["options"]["path"]}
    assert len(paths) == 4


@pytest.mark.parametrize("title", ["System", "Database", "API", "RLS"])
def test_a_dashboard_shows_each_panel_once_and_none_over_another(title: str) -> None:
    made = loaded(title)
    assert (made["title"], made["uid"]) == (title, f"platform-{title.lower()}")
    places = [(panel["gridPos"]["x"], panel["gridPos"]["y"]) for panel in made["panels"]]
    assert len(set(places)) == len(places) == len(dashboards.DASHBOARDS[title])
    assert all(x in (0, 12) and y % 8 == 0 for x, y in places)
    assert len({panel["id"] for panel in made["panels"]}) == len(places)
    for panel in made["panels"]:
        assert panel["datasource"] == dashboards.SOURCE
        assert [line["refId"] for line in panel["targets"]] == list("ABC"[: len(panel["targets"])])
        assert all(line["expr"] and line["legendFormat"] for line in panel["targets"])


def test_what_is_told_of_is_shown_too() -> None:
    """Whoever gets a mail about processors, memory, disk, latency or rows finds the graph."""
    (group,) = yaml.safe_load(monitoring_files.alerts())["groups"]
    told = {rule["alert"]: re.sub(r" [<>] .*", "", rule["expr"]) for rule in group["rules"]}
    shown = {
        query
        for panels in dashboards.DASHBOARDS.values()
        for panel in panels
        for query in panel.lines.values()
    }
    for alert in ("CPU", "Memory", "Disk", "APILatency", "RLSViolation", "CertificateExpiry"):
        assert told[alert] in shown, alert

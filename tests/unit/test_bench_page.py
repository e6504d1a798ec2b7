"""The page of figures says what the results say."""

from bench import results
from bench.deploy import page
from bench.results import Row
from homeport import paths


def test_the_page_is_that_of_the_results() -> None:
    written = (paths.ROOT / "docs" / "deploys.md").read_text()
    assert written == page.text(results.read("deploy")), "`make docs`"


def test_what_was_not_measured_is_empty() -> None:
    rows = [
        Row("ours", "deploy_seconds", 7.04, "s", 6),
        Row("theirs", "requests", 1234, "", 3),
        Row("theirs", "lost_requests", 12, "", 3),
        Row("theirs", "broken_websockets", 1, "", 3),
        Row("theirs", "broken_streams", 0, "", 3),
        Row("theirs", "worst_latency_seconds", 0.26, "s", 3),
    ]
    lines = page.text(rows).splitlines()
    assert "| ours | 7.0 |  |  |  |  |  |" in lines
    assert "| theirs |  |  |  |  |  |  |" in lines
    assert "| theirs | 3 | 12 of 1,234 | 1, 0 | 0.3 s |  |  |  |  |" in lines
    assert "| ours |  |  |  |  |  |  |  |  |" in lines

import json
import re
from datetime import UTC, datetime
from pathlib import Path

import pytest
from ledger import assets, entries, pages, spa

ENTRY = entries.Entry(
    1, "<b>Ink & paper</b>", "", -123456, None, datetime(2026, 1, 2, 3, 4, tzinfo=UTC)
)


def page(**changes: object) -> str:
    values: dict[str, object] = {
        "page": entries.Page([ENTRY], 1, -123456, 1, None),
        "form": {},
        "errors": {},
        "notice": None,
        "release": "v1.2.3",
        "host": "box",
        "app_url": None,
    }
    return pages.render("page.html", **{**values, **changes})


def test_the_page_shows_release_host_balance_and_entries() -> None:
    html = page()
    assert '<dd id="release">v1.2.3</dd>' in html
    assert '<dd id="host">box</dd>' in html
    assert "\N{MINUS SIGN}1,234.56</p>" in html
    assert '<span class="pending">pending</span>' in html


def test_what_people_wrote_is_escaped_in_entries_and_in_the_form() -> None:
    html = page(form={"description": '"><script>'}, errors={"amount": "must <not> be 0"})
    assert "<b>Ink" not in html
    assert "&lt;b&gt;Ink &amp; paper&lt;/b&gt;" in html
    assert 'value="&#34;&gt;&lt;script&gt;"' in html
    assert "Amount must &lt;not&gt; be 0." in html


def test_a_wrong_field_is_marked_for_assistive_technology() -> None:
    html = page(errors={"amount": "must not be 0"})
    field = re.search(r'<input id="amount"[^>]*>', html)
    assert field is not None
    assert 'aria-invalid="true"' in field[0]
    assert 'aria-describedby="amount-help"' in field[0]
    assert html.count("aria-invalid") == 1


def test_every_input_has_a_label_and_the_form_works_without_javascript() -> None:
    html = page()
    names = re.findall(r'<input id="(\w+)" name="(\w+)"', html)
    assert names == [("description", "description"), ("amount", "amount"), ("note", "note")]
    assert all(f'<label for="{name}">' in html for name, _ in names)
    assert '<form id="add" method="post" action="/entries"' in html


def test_nothing_on_the_page_comes_from_elsewhere_or_is_inline() -> None:
    html = page()
    assert not re.findall(r'(?:src|href)="(?:https?:)?//', html)
    assert not re.findall(r"<script>|<style|style=| on\w+=", html)


def test_the_app_url_becomes_the_canonical_address() -> None:
    html = page(app_url="https://ledger.example.com")
    assert '<link rel="canonical" href="https://ledger.example.com/">' in html


def test_an_asset_is_found_by_its_hash_and_by_that_of_another_release() -> None:
    asset = assets.all_assets()["ledger.css"]
    assert assets.find(asset.hashed_name) == (asset, True)
    assert assets.find("ledger.0123456789ab.css") == (asset, False)
    assert assets.find("ledger.css") == (asset, False)
    assert assets.find("../pages.py") is None


def test_the_static_build_refers_only_to_files_that_it_has(tmp_path: Path) -> None:
    spa.build(tmp_path / "out", "v9", "https://api.example.com")
    html = (tmp_path / "out/index.html").read_text()
    wanted = {
        link.lstrip("/")
        for link in re.findall(r'(?:src|href)="([^"]+)"', html)
        if link not in ("/", "#main")
    }
    assert {"env.js"} < wanted
    assert all((tmp_path / "out" / name).is_file() for name in wanted)


def test_only_env_js_differs_between_environments(tmp_path: Path) -> None:
    spa.build(tmp_path / "a", "v9", "https://a.example.com")
    spa.build(tmp_path / "b", "v9", "https://b.example.com")
    trees = [
        {path.relative_to(tmp_path / each): path.read_bytes()
         for path in (tmp_path / each).rglob("*") if path.is_file()}
        for each in "ab"
    ]  # fmt: skip
    differing = {str(name) for name in trees[0] if trees[0][name] != trees[1][name]}
    assert trees[0].keys() == trees[1].keys()
    assert differing == {"env.js"}
    script = (tmp_path / "a/env.js").read_text()
    value = json.loads(script.removeprefix("window.ledgerEnvironment = ").rstrip(";\n"))
    assert value == {"apiUrl": "https://a.example.com", "release": "v9"}


def test_the_static_build_spares_a_folder_that_is_not_its_own(tmp_path: Path) -> None:
    (tmp_path / "letters.txt").write_text("dear")
    with pytest.raises(spa.NotEmptyError, match="name a new folder"):
        spa.build(tmp_path, "v9")
    assert [path.name for path in tmp_path.iterdir()] == ["letters.txt"]

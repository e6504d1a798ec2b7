"""The ledger's page in a real browser: with JavaScript, without, and as a static build."""

import shutil
import threading
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
import uvicorn
from ledger import spa
from ledger.app import create_app
from ledger.drain import Drain
from ledger.settings import Settings
from selenium.webdriver import Chrome, ChromeOptions, ChromeService
from selenium.webdriver.common.by import By
from selenium.webdriver.support.ui import WebDriverWait
from starlette.staticfiles import StaticFiles
from starlette.types import Receive, Scope, Send

from tests.e2e.test_ledger import Ledger, cluster, empty, ledger  # noqa: F401 - fixtures
from tests.processes.app_process import free_port
from tests.processes.postgres_cluster import APP

pytestmark = [pytest.mark.e2e, pytest.mark.timeout(120)]

QUIET = [
    "--headless",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-background-networking",
    "--no-first-run",
    "--disable-component-update",
    "--disable-sync",
    "--disable-dev-shm-usage",
    "--window-size=1200,900",
]

LIVE = '#live[data-state="on"]'

Browse = Callable[..., Chrome]


@pytest.fixture
def browse(tmp_path: Path) -> Iterator[Browse]:
    """Opens an address in a browser of its own; `script=False` turns JavaScript off."""
    browser, driver = shutil.which("chromium"), shutil.which("chromedriver")
    if browser is None or driver is None:
        pytest.fail("needs a browser: apt-get install chromium chromium-driver")
    opened: list[Chrome] = []

    def open_one(url: str, *, script: bool = True) -> Chrome:
        options = ChromeOptions()
        options.binary_location = browser
        for argument in (*QUIET, f"--user-data-dir={tmp_path}/profile-{len(opened)}"):
            options.add_argument(argument)
        if not script:
            blocked = {"profile.managed_default_content_settings.javascript": 2}
            options.add_experimental_option("prefs", blocked)
        opened.append(Chrome(options=options, service=ChromeService(driver)))
        opened[-1].get(url)
        return opened[-1]

    yield open_one
    for chrome in opened:
        chrome.quit()


def add(chrome: Chrome, description: str, amount: str) -> None:
    for name, value in (("description", description), ("amount", amount)):
        field = chrome.find_element(By.ID, name)
        field.clear()
        field.send_keys(value)
    chrome.find_element(By.CSS_SELECTOR, "#add button").click()


def wait_for(chrome: Chrome, selector: str, text: str) -> None:
    def shown(_chrome: Chrome) -> bool:
        return any(text in each.text for each in chrome.find_elements(By.CSS_SELECTOR, selector))

    # An element may vanish while it is read, as the page redraws its rows.
    WebDriverWait(chrome, 15, ignored_exceptions=(Exception,)).until(
        shown, f"{text!r} never came in {selector}"
    )


def test_with_javascript_the_clock_runs_and_an_entry_gets_its_balance(
    ledger: Ledger,  # noqa: F811
    browse: Browse,
) -> None:
    ledger.start("worker")
    chrome = browse(ledger.serve(RELEASE="v8").url)
    wait_for(chrome, LIVE, "")
    assert chrome.find_element(By.ID, "clock").text != "--:--:--"
    add(chrome, "Ink", "1,5")
    wait_for(chrome, "#amount-help", "Amount must be a decimal number")
    add(chrome, "Ink", "-1.50")
    wait_for(chrome, "#entries tr td:last-child", "\N{MINUS SIGN}1.50")
    assert chrome.find_element(By.ID, "amount-help").text.startswith("A minus for money")
    assert chrome.find_element(By.ID, "release").text == "v8"


def test_without_javascript_the_form_does_all_it_has_to(
    ledger: Ledger,  # noqa: F811
    browse: Browse,
) -> None:
    chrome = browse(ledger.serve().url, script=False)
    add(chrome, "Paper", "x")
    wait_for(chrome, "#amount-help", "Amount must be a decimal number")
    assert chrome.find_element(By.ID, "description").get_attribute("value") == "Paper"
    add(chrome, "Paper", "8")
    wait_for(chrome, "#entries tr", "8.00")
    assert chrome.find_element(By.ID, "clock").text == "--:--:--"


def test_the_static_build_works_against_an_api_on_the_same_origin(
    ledger: Ledger,  # noqa: F811
    browse: Browse,
    tmp_path: Path,
) -> None:
    spa.build(tmp_path / "site", "v9")
    files = StaticFiles(directory=tmp_path / "site", html=True)
    url = ledger.cluster.url(APP, ledger.database)
    api = create_app(Settings.load({"DATABASE_URL": url, "RELEASE": "api"}), Drain())

    async def both(scope: Scope, receive: Receive, send: Send) -> None:
        is_file = scope["type"] == "http" and not scope["path"].startswith("/api/")
        await (files if is_file else api)(scope, receive, send)

    port = free_port()
    server = uvicorn.Server(uvicorn.Config(both, port=port, log_config=None))
    thread = threading.Thread(target=server.run)
    thread.start()
    try:
        chrome = browse(f"http://127.0.0.1:{port}/")
        add(chrome, "Stamps", "7")
        wait_for(chrome, "#entries tr", "Stamps")
        wait_for(chrome, LIVE, "")
        chrome.quit()
    finally:
        server.should_exit = True
        thread.join()

"""The page in headless Chromium: it follows a study, executes nothing, and fits on a phone."""

import os
import re
import shutil
import time

import pytest
from live_studies import SCRIPT, Driver, Page, Published, complete, failed, many

from raysearch.files import write_json

playwright = pytest.importorskip("playwright.sync_api", reason="playwright is not installed")
CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser")
if CHROMIUM is None:
    pytest.skip("chromium is not installed", allow_module_level=True)

PHONE, DESK = {"width": 390, "height": 844}, {"width": 1280, "height": 900}
QUIET = ["--disable-gpu", "--disable-quic", "--no-first-run", "--disable-sync"]
QUIET += [
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-dev-shm-usage",
]
# Chromium's own sandbox does not work for root, as whom CI runs.
QUIET += ["--no-sandbox"] if os.getuid() == 0 else []


@pytest.fixture(scope="module")
def chromium():
    with playwright.sync_playwright() as started:
        browser = started.chromium.launch(executable_path=CHROMIUM, args=QUIET)
        yield browser
        browser.close()


class Viewer:
    """A window of the browser, and all that went wrong in it."""

    def __init__(self, browser, url, size, scheme):
        self.context = browser.new_context(viewport=size, color_scheme=scheme)
        self.tab = self.context.new_page()
        self.wrong, self.asked = [], []
        self.tab.on("console", lambda m: self.wrong.append(m.text) if m.type == "error" else None)
        self.tab.on("pageerror", lambda error: self.wrong.append(str(error)))
        self.tab.on("request", lambda request: self.asked.append(request.url))
        self.tab.goto(url)

    def has(self, id_, text, within_s=10.0):
        """Wait until an element holds a text."""
        found = playwright.expect(self.tab.locator(f"#{id_}"))
        found.to_contain_text(text, timeout=1000 * within_s)

    def text(self, id_):
        return self.tab.locator(f"#{id_}").inner_text()


@pytest.fixture
def look(chromium):
    viewers = []

    def at(url, size=DESK, scheme="light"):
        viewers.append(Viewer(chromium, url, size, scheme))
        return viewers[-1]

    yield at
    for viewer in viewers:
        viewer.context.close()
        assert not viewer.wrong


def test_a_finished_trial_is_seen_within_two_seconds_and_without_reload(tmp_path, look):
    driver = Driver(tmp_path / "study", trials=9)
    driver.run(complete(0.4), failed("out of memory"))
    driver.begin(2)
    with Page(driver.directory) as page:
        viewer = look(page.dashboard.url)
        viewer.has("trials", "2 of 9")
        viewer.has("best", "0.4")
        viewer.has("failed", "out of memory")
        viewer.has("running", "00002")
        driver.end(complete(0.75))
        started = time.monotonic()
        viewer.has("trials", "3 of 9", within_s=2)
        viewer.has("best", "0.75", within_s=2)
        assert time.monotonic() - started < 2
        assert {url.partition("?")[0].rsplit(":", 1)[0] for url in viewer.asked} == {
            "http://127.0.0.1"
        }
        assert len([url for url in viewer.asked if url.endswith("/")]) == 1


def test_scripts_in_a_study_are_text(tmp_path, look):
    driver = Driver(tmp_path / "<img src=x onerror=alert(1)>", trials=5)
    driver.run(failed(SCRIPT), complete(detector=SCRIPT))
    write_json(driver.directory / "study.json", {**driver.about, "created": SCRIPT})
    with Page(driver.directory) as page:
        viewer = look(page.dashboard.url)
        viewer.has("failed", "<script>document.title='owned'</script>")
        viewer.has("about", "<script>")
        viewer.has("name", "<img src=x onerror=alert(1)>")
        viewer.has("setup", "<script>")
        assert "owned" not in viewer.tab.title().replace("'owned'", "")
        assert viewer.tab.locator("img").count() == 0
        assert viewer.tab.locator("script").count() == 1


def test_the_policy_stops_code_that_got_in_all_the_same(tmp_path, chromium):
    driver = Driver(tmp_path / "study")
    with Page(driver.directory) as page:
        viewer = Viewer(chromium, page.dashboard.url, DESK, "light")
        viewer.tab.evaluate(
            "() => { const s = document.createElement('script');"
            "try { s.textContent = 'document.title = \"owned\"'; } catch (e) {}"
            "document.body.append(s); }"
        )
        assert viewer.tab.title() != "owned"
        assert any(
            "Content Security Policy" in text or "TrustedScript" in text for text in viewer.wrong
        )
        viewer.context.close()


@pytest.mark.parametrize("size", [PHONE, DESK], ids=["phone", "desk"])
@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_nothing_is_wider_than_the_window(tmp_path, look, size, scheme):
    driver = Driver(tmp_path / ("a_very_long_name_of_a_study_" * 3), trials=60)
    many(driver, 50)
    with Page(driver.directory) as page:
        viewer = look(page.dashboard.url, size, scheme)
        viewer.has("trials", "50 of 60")
        width = viewer.tab.evaluate("document.documentElement.scrollWidth")
        assert width <= size["width"]
        columns = viewer.tab.evaluate(
            "getComputedStyle(document.querySelector('.figures')).gridTemplateColumns"
        )
        assert len(columns.split()) == (1 if size is PHONE else 2)


def test_an_update_at_5_000_trials_takes_less_than_200_ms(tmp_path, look):
    driver = Driver(tmp_path / "study", trials=5010)
    many(driver, 5000)
    with Page(driver.directory) as page:
        viewer = look(page.dashboard.url)
        viewer.has("trials", "5000 of 5010", within_s=30)
        took = []
        for k in range(5):
            many(driver, 1, start=5000 + k)
            viewer.has("trials", f"{5001 + k} of 5010")
            took.append(
                viewer.tab.evaluate("performance.getEntriesByName('update').at(-1).duration")
            )
        assert min(took) < 200


def test_the_axis_can_be_time_and_a_point_tells_of_its_trial(tmp_path, look):
    driver = Driver(tmp_path / "study", trials=20)
    driver.run(*[complete(0.1 * k) for k in range(1, 10)])
    with Page(driver.directory) as page:
        viewer = look(page.dashboard.url)
        viewer.has("history", "trials that have ended")
        box = viewer.tab.locator("#history svg").bounding_box()
        drawn = viewer.tab.locator("#history path.dots").first.get_attribute("d")
        x, y = map(float, re.match(r"M(\S+) ([\d.]+)", drawn).groups())
        viewer.tab.mouse.move(box["x"] + x, box["y"] + y)
        playwright.expect(viewer.tab.locator("#history .tip")).to_contain_text("hgb")
        viewer.tab.locator("#by-time").click()
        viewer.has("history", "since the first trial ended")


def test_a_page_that_ended_is_said_to_be_cut_off(tmp_path, chromium):
    driver = Driver(tmp_path / "study")
    with Page(driver.directory) as page:
        viewer = Viewer(chromium, page.dashboard.url, DESK, "light")
        viewer.has("phase", "stopped")
    viewer.has("phase", "cut off")
    viewer.context.close()


def test_of_a_study_in_a_store_the_age_of_its_snapshot_is_shown(tmp_path, look):
    uri = f"file://{tmp_path}/store/kept"
    with Published(tmp_path / "study", uri, trials=3) as driver:
        driver.run(complete())
        driver.publish()
        with Page(uri) as page:
            viewer = look(page.dashboard.url)
            viewer.has("name", "kept")
            viewer.has("remote", f"Read from {uri}; the snapshot shown is ")
            viewer.has("remote", " s old")
            viewer.has("trials", "1 of 3")

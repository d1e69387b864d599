"""The page in a real browser: answered by keyboard, reloaded, saved, loaded, without a serious fault of axe.

Needs Chromium and its driver (Debian: chromium, chromium-driver) and selenium, and for axe the axe-core that
axe-playwright-python brings along.
"""

import importlib.util
import shutil
import time
from pathlib import Path

import pytest
from kits import study

from flows.evaluation.study.answers import read_answers
from flows.evaluation.study.key import read_key

DRIVER = shutil.which("chromedriver")
BROWSER = shutil.which("chromium") or shutil.which("google-chrome")

pytestmark = pytest.mark.skipif(not (DRIVER and BROWSER), reason="Chromium and its driver are not installed")


class Reader:
    """A browser with one page, and keys to press in it."""

    def __init__(self, profile, downloads, width=1440, height=900):
        webdriver = pytest.importorskip("selenium.webdriver", reason="selenium is not installed")
        options = webdriver.ChromeOptions()
        options.binary_location = BROWSER
        for word in ("--headless=new", "--no-sandbox", f"--user-data-dir={profile}"):
            options.add_argument(word)
        options.add_experimental_option("prefs", {"download.default_directory": str(downloads)})
        service = webdriver.ChromeService(executable_path=DRIVER)
        self.driver = webdriver.Chrome(options=options, service=service)
        self.driver.execute_cdp_cmd("Network.enable", {})
        self.driver.execute_cdp_cmd(
            "Network.emulateNetworkConditions",
            {"offline": True, "latency": 0, "downloadThroughput": 0, "uploadThroughput": 0},
        )
        self.size(width, height)

    def size(self, width, height):
        metrics = {"width": width, "height": height, "deviceScaleFactor": 1, "mobile": width < 500}
        self.driver.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", metrics)

    def keys(self, *keys):
        for key in keys:
            self.driver.switch_to.active_element.send_keys(key)

    def run(self, script):
        return self.driver.execute_script(script)

    @property
    def shown(self):
        """The section that is to be seen."""
        return self.run("return [...document.querySelectorAll('main > section')].find((s) => !s.hidden).id")

    def text(self, id):
        return self.run(f"return document.getElementById('{id}').textContent")


ENTER = "\ue007"
TAB = "\ue004"


@pytest.fixture
def reader(tmp_path, kit):
    browser = Reader(tmp_path / "profile", tmp_path)
    browser.driver.get((kit / "study.html").as_uri())
    yield browser
    browser.driver.quit()


def saved(folder, within=20):
    """The file that the page saved."""
    for _ in range(within * 10):
        if found := list(folder.glob("answers-*.csv")):
            return found[0]
        time.sleep(0.1)
    raise AssertionError("nothing was saved")


def first_part(reader, count):
    for _ in range(count):
        reader.keys("3", "4", "0", ENTER)


def second_part(reader):
    while reader.shown == "reading":
        outlines = reader.run("return document.querySelectorAll('#fields fieldset').length")
        reader.keys(*["2"] * outlines, ENTER)


def test_a_study_is_answered_by_keyboard_and_nothing_is_lost(reader, kit, tmp_path):
    films = read_key(kit / "key.json").sealed.films
    reader.keys(*"R1", ENTER)
    assert reader.text("film-title") == f"Film 1 of {len(films)}"
    first_part(reader, 5)
    reader.keys("2", "5", "a")  # half of the sixth film
    before = reader.run(
        "return localStorage.getItem(Object.keys(localStorage).find((k) => k.endsWith(':R1')))"
    )

    reader.driver.refresh()
    assert reader.shown == "start"
    reader.keys(ENTER)  # the code is still there
    assert reader.text("film-title") == f"Film 6 of {len(films)}"
    after = reader.run(
        "return localStorage.getItem(Object.keys(localStorage).find((k) => k.endsWith(':R1')))"
    )
    assert after == before
    checked = reader.run("return [...document.querySelectorAll('#fields input:checked')].map((i) => i.value)")
    assert checked[:2] == ["2", "5"]
    assert len(checked) == 3

    reader.keys(ENTER)
    first_part(reader, len(films) - 6)
    assert reader.shown == "between"
    reader.run("document.getElementById('go-on').click()")
    second_part(reader)
    assert reader.shown == "end"
    reader.run("document.getElementById('save').click()")
    key = read_key(kit / "key.json")
    answers = read_answers([saved(tmp_path)], key)
    assert len(answers) == len(films)
    said = answers["R1", films[5].id]
    assert (said.authentic, said.quality, said.seen) == (2, 5, {key.sealed.findings[0]})
    assert all(set(answers["R1", f.id].useful) == set(f.overlays) for f in films)
    code, text, errors = study("score", kit / "key.json", saved(tmp_path), "--out", tmp_path / "out")
    assert code == 0, errors
    assert "R1" in text


def test_an_open_question_holds_the_reader_back(reader):
    reader.keys(*"R2", ENTER)
    reader.keys("3", ENTER)
    assert reader.text("missing") == "This question is still open."
    assert reader.text("film-title").startswith("Film 1 ")


def test_outlines_come_after_all_films_were_judged(reader):
    reader.keys(*"R3", ENTER)
    assert reader.run("return document.querySelectorAll('#outlines path').length") == 0
    first_part(reader, 16)
    reader.run("document.getElementById('go-on').click()")
    assert reader.run("return document.querySelectorAll('#outlines path').length") > 0
    names = reader.run("return [...document.querySelectorAll('fieldset')].map((s) => s.dataset.name)")
    assert all(name.startswith("useful:") for name in names)


def test_answers_move_to_another_device(reader, kit, tmp_path):
    reader.keys(*"R4", ENTER)
    first_part(reader, 4)
    reader.run("document.getElementById('save').click()")
    path = saved(tmp_path)
    reader.run("localStorage.clear()")
    reader.driver.refresh()
    reader.driver.find_element("id", "load-start").send_keys(str(path))
    time.sleep(0.5)
    assert reader.text("film-title").startswith("Film 5 ")
    path.write_text(path.read_text().replace(read_key(kit / "key.json").seal, "0" * 64))
    reader.driver.find_element("id", "load").send_keys(str(path))
    time.sleep(0.5)
    assert reader.text("saved") == "These answers are of another study."


@pytest.mark.parametrize(("width", "height"), [(1440, 900), (390, 844)])
def test_axe_finds_no_serious_fault(reader, width, height):
    spec = importlib.util.find_spec("axe_playwright_python")
    if spec is None:
        pytest.skip("axe-playwright-python is not installed")
    reader.run(Path(spec.origin).with_name("axe.min.js").read_text("utf-8"))
    reader.size(width, height)

    def faults():
        asked = "const told = arguments[0]; axe.run().then((found) => told(found.violations))"
        found = reader.driver.execute_async_script(asked)
        return [(v["id"], v["nodes"][0]["html"]) for v in found if v["impact"] in ("serious", "critical")]

    def fits():
        return reader.run("return document.documentElement.scrollWidth <= innerWidth")

    assert faults() == []
    reader.keys(*"R5", ENTER)
    assert faults() == []
    assert fits()
    first_part(reader, 16)
    assert faults() == []
    reader.run("document.getElementById('go-on').click()")
    assert faults() == []
    assert fits()
    second_part(reader)
    assert faults() == []


def test_it_asks_nobody(reader):
    """All that was loaded is the page itself."""
    reader.keys(*"R6", ENTER)
    loaded = reader.run("return performance.getEntriesByType('resource').map((e) => e.name)")
    assert [name for name in loaded if not name.startswith("data:")] == []

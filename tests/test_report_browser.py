"""The report in a real browser: sliders move face, surface and curve, and nothing asks the network."""

import base64
import json
import os
import shutil
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

BROWSER = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None)
DRIVER = shutil.which("chromedriver")
SECONDS = 120  # two slow cores draw the surface in software

pytestmark = pytest.mark.skipif(
    BROWSER is None or DRIVER is None,
    reason="no browser here: apt-get install chromium chromium-driver",
)


@pytest.fixture(scope="module")
def report(fake_page: str, tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("browser") / "report.html"
    path.write_text(fake_page, encoding="utf-8")
    return path


@pytest.fixture(scope="module")
def page(report: Path) -> Iterator[Any]:
    webdriver = pytest.importorskip("selenium.webdriver")
    from selenium.webdriver.chrome.service import Service

    options = webdriver.ChromeOptions()
    options.binary_location = BROWSER
    for flag in (
        "--headless=new",
        "--disable-dev-shm-usage",
        "--enable-unsafe-swiftshader",
        "--use-angle=swiftshader",
    ):
        options.add_argument(flag)
    if os.geteuid() == 0:
        options.add_argument("--no-sandbox")
    options.set_capability("goog:loggingPrefs", {"browser": "ALL", "performance": "ALL"})
    browser = webdriver.Chrome(options=options, service=Service(DRIVER))
    try:
        browser.set_window_size(1100, 900)
        browser.get(report.as_uri())
        yield browser
    finally:
        browser.quit()


def state(page: Any) -> dict[str, Any]:
    """What the explorer shows: the face's pixels, the markers, the words."""
    return page.execute_script(
        """const last = document.getElementById('plot').data?.at(-1);
        const by = (id) => document.getElementById(id), face = by('face');
        return {face: face.toDataURL(), label: face.ariaLabel, words: by('readout').textContent,
          dot: last && [last.x[0], last.y[0], last.z?.[0]], mark: by('mark').getAttribute('cx')}"""
    )


def wait(page: Any, condition: str) -> None:
    until = time.monotonic() + SECONDS
    while not page.execute_script(f"return Boolean({condition})"):
        assert time.monotonic() < until, f"in vain: {condition}"
        time.sleep(0.1)


def test_sliders_move_face_surface_and_curve_by_keyboard(page: Any) -> None:
    from selenium.webdriver.common.by import By
    from selenium.webdriver.common.keys import Keys
    from selenium.webdriver.support.ui import Select

    page.execute_script("document.getElementById('explore').scrollIntoView()")
    wait(page, "document.getElementById('plot').data && document.querySelector('#plot .main-svg')")
    symmetry, moment = (page.find_element(By.ID, name) for name in ("dose", "time"))
    symmetry.send_keys(Keys.END)
    whole = state(page)
    assert whole["dot"][:2] == [1, 1] and whole["dot"][2] > 0.9
    assert "happiness" in whole["words"] and "the top class" in whole["words"]
    symmetry.send_keys(Keys.HOME)
    half = state(page)
    assert all(half[name] != whole[name] for name in whole)
    assert half["dot"][:2] == [1, 0] and half["dot"][2] < 0.5
    assert "top class neutral" in half["words"]
    moment.send_keys(Keys.HOME)
    neutral = state(page)
    assert neutral["dot"][:2] == [0, 0] and neutral["face"] not in (whole["face"], half["face"])
    symmetry.send_keys(Keys.END)
    assert state(page)["face"] == neutral["face"]  # at time 0 there is nothing to freeze
    moment.send_keys(Keys.END)
    Select(page.find_element(By.ID, "expression")).select_by_visible_text("surprise")
    surprise = state(page)
    assert surprise["face"] != whole["face"] and "surprise" in surprise["words"]


def test_views_and_playing(page: Any) -> None:
    from selenium.webdriver.common.by import By

    wait(page, "document.getElementById('plot').data")
    before = page.execute_script("return document.getElementById('plot').data.length")
    page.execute_script("document.getElementById('plane').click()")
    assert page.execute_script("return document.getElementById('plot').data.length") in (before - 1, before)
    page.execute_script("document.querySelector('input[value=change]').click()")
    heights = page.execute_script("return document.getElementById('plot').data[0].z.flat()")
    assert max(map(abs, heights)) < 0.3  # 0.6 over four steps at the most, with noise
    before = state(page)["words"]
    page.find_element(By.ID, "play").click()
    assert page.find_element(By.ID, "play").get_attribute("aria-pressed") == "true"
    wait(page, f"document.getElementById('readout').textContent != {json.dumps(before)}")
    page.find_element(By.ID, "play").click()
    assert page.find_element(By.ID, "play").get_attribute("aria-pressed") == "false"


def test_a_phone_shows_it_without_scrolling_sideways(page: Any) -> None:
    size = {"width": 390, "height": 844, "deviceScaleFactor": 1, "mobile": True}
    page.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", size)
    try:
        wait(page, "innerWidth == 390")
        assert page.execute_script("return document.documentElement.scrollWidth") <= 390
        page.execute_script("for (const one of document.querySelectorAll('details')) one.open = true")
        cut = page.execute_script(
            """return [...document.querySelectorAll('main *, header *, #verdict *')].filter((one) => {
              const style = getComputedStyle(one), box = one.getBoundingClientRect();
              return style.display != 'none' && box.height > 1 && !one.closest('svg, #plot, thead')
                && (box.right > 391 || (style.overflowX != 'visible' && one.scrollWidth > one.clientWidth + 1));
            }).map((one) => one.tagName + '.' + one.className)"""
        )
        assert cut == []
        label = "return getComputedStyle(document.querySelector('#scores td'), '::before').content"
        assert page.execute_script(label) == '"happiness"', "each cell of a card names its column"
    finally:
        page.execute_cdp_cmd("Emulation.clearDeviceMetricsOverride", {})


def test_a_desktop_has_two_columns_and_contents_beside_them(page: Any) -> None:
    size = {"width": 1280, "height": 900, "deviceScaleFactor": 1, "mobile": False}
    page.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", size)
    try:
        wait(page, "innerWidth == 1280")
        box = """const box = (e) => { const b = e.getBoundingClientRect(); return [b.left, b.right, b.top]; };
          return [box(document.querySelector('nav')), box(document.querySelector('main')),
            ...['.verdict', '#curves .row'].flatMap((one) => [...document.querySelectorAll(one)].map(box))]"""
        contents, main, first, second, left, right = page.execute_script(box)
        assert contents[1] < main[0]
        assert first[1] < second[0] and first[2] == second[2]
        assert left[1] < right[0] and left[2] == right[2]
        links = page.execute_script("return [...document.querySelectorAll('nav a')].map((a) => a.hash)")
        assert {"#verdict", "#scores", "#curves", "#run"} <= set(links)
    finally:
        page.execute_cdp_cmd("Emulation.clearDeviceMetricsOverride", {})


def test_text_stands_out_in_light_and_in_dark(page: Any) -> None:
    """WCAG AA: 4.5 to 1 for all text on the page's ground."""
    script = """const rgb = (colour) => colour.match(/[\\d.]+/g).slice(0, 3).map((v) => {
        v /= 255; return v <= 0.04045 ? v / 12.92 : ((v + 0.055) / 1.055) ** 2.4; });
      const light = (c) => { const [r, g, b] = rgb(c); return 0.2126 * r + 0.7152 * g + 0.0722 * b; };
      const ground = light(getComputedStyle(document.body).backgroundColor);
      const elements = document.querySelectorAll('p, td, th, figcaption, h1, a, .lost, label');
      return Math.min(...[...elements].map((one) => {
        const ink = light(getComputedStyle(one).color);
        return (Math.max(ink, ground) + 0.05) / (Math.min(ink, ground) + 0.05); }));"""
    for scheme in ("light", "dark"):
        features = [{"name": "prefers-color-scheme", "value": scheme}]
        page.execute_cdp_cmd("Emulation.setEmulatedMedia", {"features": features})
        assert page.execute_script(script) >= 4.5, scheme
    page.execute_cdp_cmd("Emulation.setEmulatedMedia", {"features": []})


def test_it_prints(page: Any) -> None:
    document = base64.b64decode(page.execute_cdp_cmd("Page.printToPDF", {})["data"])
    assert document.startswith(b"%PDF") and len(document) > 20_000


def test_no_error_and_no_request(page: Any) -> None:
    """Last: everything that the tests above did counts."""
    severe = [entry for entry in page.get_log("browser") if entry["level"] == "SEVERE"]
    assert severe == []
    events = [json.loads(entry["message"])["message"] for entry in page.get_log("performance")]
    urls = [e["params"]["request"]["url"] for e in events if e["method"] == "Network.requestWillBeSent"]
    assert any(url.startswith("file:") for url in urls)  # the log works
    assert [url for url in urls if not url.startswith(("file:", "data:", "blob:"))] == []

"""A real browser without a window: Chromium, driven by Selenium; WebGL in software."""

from __future__ import annotations

import contextlib
import os
import shutil
from pathlib import Path
from typing import Any

import pytest
from waiting import wait_until

CHROMIUMS = ("chromium", "chromium-browser", "google-chrome")
FLAGS = (
    "--headless=new", "--no-sandbox", "--disable-dev-shm-usage", "--no-first-run", "--hide-scrollbars",
    "--use-gl=angle", "--use-angle=swiftshader", "--enable-unsafe-swiftshader",
    "--disable-quic", "--disable-background-networking", "--disable-component-update", "--disable-sync",
)  # fmt: skip
PATIENCE = 90  # [s] for one answer of a browser that draws in software on a busy computer
# A picture that was replaced before a slow browser had read it.
HARMLESS = ("ERR_FILE_NOT_FOUND",)


class Browser:
    """One page in Chromium. Skips the test if this machine has no Chromium, or not its driver.

    Args:
        size: (width, height) of the window [pixels].
    """

    def __init__(self, size: tuple[int, int]) -> None:
        program = next((path for path in map(shutil.which, CHROMIUMS) if path), None)
        driver = shutil.which("chromedriver")
        if program is None or driver is None:
            pytest.skip("no Chromium with chromedriver on this machine (Debian: apt-get install chromium chromium-driver)")
        webdriver = pytest.importorskip("selenium.webdriver", reason="selenium is not installed")
        options = webdriver.ChromeOptions()
        options.binary_location = program
        for flag in (*FLAGS, f"--window-size={size[0]},{size[1]}"):
            options.add_argument(flag)
        options.set_capability("goog:loggingPrefs", {"browser": "ALL"})
        self._driver = webdriver.Chrome(options=options, service=webdriver.ChromeService(driver))
        self._driver.set_script_timeout(PATIENCE)

    def open(self, url: str) -> None:
        """Go to a page."""
        self._driver.get(url)

    @property
    def text(self) -> str:
        """Everything that can be read."""
        return str(self._script("return document.body.innerText"))

    def until_text(self, *parts: str, limit: float = 60.0) -> None:
        """Wait until all of `parts` can be read at once."""
        seen = ""

        def found() -> bool:
            nonlocal seen
            seen = self.text
            return all(part in seen for part in parts)

        try:
            wait_until(found, limit, f"{parts} on the page", interval=0.2)
        except AssertionError as error:
            raise AssertionError(f"{error}; it says:\n{seen}") from None

    def click(self, label: str) -> None:
        """Press the button, or choose the tab, of this name, as a hand with a mouse does."""
        self._close_notices()
        found = self._script(
            "const all = [...document.querySelectorAll('button, [role=tab]')];return all.find(e => e.innerText.trim() === arguments[0])",
            label,
        )
        assert found, f"nothing on the page is called {label}"
        found.click()

    def style(self, selector: str, part: str, name: str) -> str:
        """How the browser draws an element now: one property, of its pseudo-element such as ::after where `part` names one."""
        return str(
            self._script("return getComputedStyle(document.querySelector(arguments[0]), arguments[1])[arguments[2]]", selector, part, name)
        )

    def errors(self) -> list[str]:
        """What the console has said in red since the last call."""
        entries = [entry["message"] for entry in self._driver.get_log("browser") if entry["level"] == "SEVERE"]
        return [message for message in entries if not any(part in message for part in HARMLESS)]

    def screenshot(self, file: Path) -> None:
        """The page as a PNG file. A busy computer may need more than one try."""
        wait_until(lambda: self._try_screenshot(file), 60.0, "a picture of the page")

    def _try_screenshot(self, file: Path) -> bool:
        from selenium.common.exceptions import TimeoutException

        self._close_notices()
        try:
            return bool(self._driver.save_screenshot(str(file)))
        except TimeoutException:
            return False

    def _close_notices(self) -> None:
        self._script("document.querySelectorAll('.mantine-Notification-closeButton').forEach(b => b.click())")  # WebGL in software

    def _script(self, code: str, *arguments: object) -> Any:
        return self._driver.execute_script(code, *arguments)

    def inside(self, selector: str) -> None:
        """Go on in a frame of the page; an empty selector goes back to the page itself."""
        self._driver.switch_to.default_content()
        if selector:
            self._driver.switch_to.frame(self._driver.find_element("css selector", selector))

    def press(self, selector: str, x: int = 0, y: int = 0) -> None:
        """Move the pointer into the middle of an element, or so far [pixels] from it, and press its button; it stays down."""
        from selenium.webdriver import ActionChains

        element = self._driver.find_element("css selector", selector)
        ActionChains(self._driver, duration=0).move_to_element_with_offset(element, x, y).click_and_hold().perform()

    def move(self, x: int, y: int) -> None:
        """Move the pointer by so much [pixels], whether its button is down or not."""
        from selenium.webdriver import ActionChains

        ActionChains(self._driver, duration=50).move_by_offset(x, y).perform()

    def release(self) -> None:
        """Let go of the pointer's button."""
        from selenium.webdriver import ActionChains

        ActionChains(self._driver, duration=0).release().perform()

    def key(self, key: str, down: bool) -> None:
        """Press a key, or let go of it."""
        from selenium.webdriver import ActionChains

        actions = ActionChains(self._driver, duration=0)
        (actions.key_down(key) if down else actions.key_up(key)).perform()

    def at_start(self, code: str) -> None:
        """Run a script in each page and frame that is opened from now on, before theirs."""
        self._driver.execute_cdp_cmd("Page.addScriptToEvaluateOnNewDocument", {"source": code})

    def run(self, code: str, *arguments: object) -> Any:
        """A script in the page, or in the frame; its result."""
        return self._script(code, *arguments)

    def another_tab(self) -> None:
        """Open a tab above this page, and stay with it."""
        self._driver.switch_to.new_window("tab")

    def first_tab(self) -> None:
        """Come back to the first tab."""
        self._driver.switch_to.window(self._driver.window_handles[0])

    def signal(self, number: int) -> None:
        """Send a signal to all processes of the browser, but not to its driver."""
        parents = {}
        for stat in Path("/proc").glob("[0-9]*/stat"):
            with contextlib.suppress(OSError):
                parents[int(stat.parent.name)] = int(stat.read_text().rsplit(")", 1)[1].split()[1])
        family = {self._driver.service.process.pid}
        while more := {pid for pid, parent in parents.items() if parent in family} - family:
            family |= more
        for pid in family - {self._driver.service.process.pid}:
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, number)

    def close(self) -> None:
        """End the browser."""
        self._driver.quit()

"""Taking over from the monitor's page in a real Chromium: a hand that is dragged, sliders, keys, a gamepad; and lost browsers let go.

A browser that draws in software takes a core from the nodes. So what is timed is held in the page's own frame alone, without the picture,
and what is dragged in the picture is waited for. `NEON_CONTROL_SCREENSHOTS=folder` takes larger pictures, into that folder.
"""

from __future__ import annotations

import os
import signal
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import numpy as np
import pytest
from browser import Browser
from episode_desk import Desk
from executor_rig import PATIENT, Rig, rig
from PIL import Image
from rclpy.qos import DurabilityPolicy, QoSProfile
from rest import rested, until_rest
from std_msgs.msg import String
from waiting import wait_until

from neon_control.core.robot.kinematics import Kinematics
from neon_control.core.robot.robot_file import load_robot

pytestmark = [pytest.mark.system, pytest.mark.alone, pytest.mark.slow, pytest.mark.timeout(240)]
SCREENSHOTS = os.environ.get("NEON_CONTROL_SCREENSHOTS")
SLOW = {**PATIENT, "takeover.timeout": 1.0, "takeover.base_timeout": 1.0}  # a busy computer lets go of nothing
LIMIT = 60.0  # [s]
STOP = 0.3  # [s] from the death of a browser to rest
FRAME = "iframe.nc-hand"
BLUE = (32, 128, 255)  # of what is dragged along the z axis
PAD = """
window.faked = {connected: true, id: "a pad (of a test)", mapping: "standard", axes: [0, 0, 0, 0], buttons: Array(17).fill({value: 0})};
navigator.getGamepads = () => [null, window.faked];
window.hold = (...down) => { window.faked.buttons = Array.from({length: 17}, (_, i) => ({value: down.includes(i) ? 1 : 0})); };
"""
LEFT_SHOULDER, BUTTON_A = 4, 0
SHIFT = "\ue008"  # as the driver of the browser calls it
STALL = "setTimeout(() => { const end = performance.now() + 1500; while (performance.now() < end); }, 0)"
HANDS = ("left_hand_tcp", "right_hand_tcp")


class Page:
    """The monitor's page beside a rig, in a browser; and who leads, as the executor says."""

    def __init__(self, running: Rig, browser: Browser, *options: str) -> None:
        self.rig, self.browser = running, browser
        self.leader = ""
        latched = QoSProfile(depth=10, durability=DurabilityPolicy.TRANSIENT_LOCAL)
        running.robot.node.create_subscription(String, "commander", self._on_commander, latched)
        command = ("-m", "neon_control.tools.cli", "monitor", "--robot", str(running.file), "--takeover", "--port", "8331", *options)
        running.players.insert(0, running._start(*command))

    def _on_commander(self, message: String) -> None:
        self.leader = message.data

    def open(self, path: str = "") -> None:
        def found() -> bool:
            self.browser.open(f"http://127.0.0.1:8331/{path}")
            return True

        wait_until(lambda: _without_error(found), LIMIT, "the page", interval=0.2)

    def arm(self) -> None:
        """As a person does, with the mouse."""
        wait_until(lambda: self.browser.run("return told.t > 0"), LIMIT, "a page that is connected", interval=0.1)

        def armed() -> bool:
            if not self.browser.run("return armed"):  # the page still moved when it was pressed
                self.browser.press("#arm")
                self.browser.release()
            return bool(self.browser.run("return armed && told.armed === 'this page' && !!told.measured"))

        wait_until(armed, LIMIT, "a page that has the hand", interval=0.5)

    def until(self, leader: str) -> None:
        wait_until(lambda: self.leader == leader, LIMIT, f"{leader} in command; {self.rig.robot.status.get('why')}", interval=0.005)


def _without_error(attempt: object) -> bool:
    from selenium.common.exceptions import WebDriverException

    try:
        return bool(attempt())  # type: ignore[operator]
    except WebDriverException:
        return False


@contextmanager
def page(domain: int, *options: str, **parameters: object) -> Iterator[Page]:
    browser = Browser((1500, 943) if SCREENSHOTS else (1100, 700))
    try:
        with rig(domain, **parameters) as running:
            running.start_player("--dt", "0.1")
            yield Page(running, browser, *options)
    finally:
        browser.close()


def test_a_browser_that_hangs_or_is_killed_lets_go_and_what_it_held_does_not_come_back(ros_domain_id: int) -> None:
    with page(ros_domain_id, **{**PATIENT, "takeover.timeout": 0.08}) as shown:
        running, browser = shown.rig, shown.browser
        shown.open("hand?client=test")
        running.wait_moving()
        shown.arm()

        def drives() -> bool:
            newest = running.robot.base.since(time.monotonic() - 0.3).values
            if shown.leader == "takeover" and len(newest) > 5 and all(v[0] > 0.19 for v in newest):
                return True
            if not browser.run("return told.held"):  # a busy computer has let go
                browser.key("w", False)
                browser.key("w", True)
            return False

        wait_until(drives, LIMIT, "a person who drives", interval=0.1)
        browser.signal(signal.SIGSTOP)
        frozen = time.monotonic()
        shown.until("none")
        print(f"\na browser that hangs: nobody leads after {time.monotonic() - frozen:.3f} s")
        until_rest(running, LIMIT)
        browser.signal(signal.SIGCONT)
        wait_until(lambda: browser.run("return told.lost && held.has('w')"), LIMIT, "a page that holds what does not count", interval=0.1)
        assert shown.leader == "none"
        wait_until(drives, LIMIT, "a person who drives again", interval=0.1)
        killed = time.monotonic()
        browser.signal(signal.SIGKILL)
        shown.until("none")
        until_rest(running, LIMIT)
        base, joints = rested(running, killed)
        print(f"a browser that is killed: base at zero after {base:.3f} s, joints at rest after {joints:.3f} s")
        assert base <= STOP and joints <= STOP
        assert running.violations() == []


def test_a_gamepad_in_the_browser_leads_until_its_tab_hangs_or_is_hidden(ros_domain_id: int) -> None:
    with page(ros_domain_id, "--silence", "0.6", **SLOW) as shown:
        running, browser = shown.rig, shown.browser
        browser.at_start(PAD)
        shown.open("hand?client=test")
        running.wait_moving()
        shown.arm()
        browser.run("faked.axes = [0, -1, 0, 0]")

        def take() -> None:
            browser.run("hold()")
            wait_until(lambda: not browser.run("return told.lost"), LIMIT, "a page that knows of it", interval=0.05)
            browser.run(f"hold({LEFT_SHOULDER})")
            shown.until("takeover")

        take()
        wait_until(lambda: abs(running.robot.base.values[-1][0] - 0.3) < 1e-6, LIMIT, "a base that is driven as by joy_node")
        browser.run(STALL)
        shown.until("none")
        wait_until(lambda: browser.run("return told.lost && faked.buttons[4].value"), LIMIT, "a page that goes on", interval=0.05)
        assert shown.leader == "none", "what was held while the page hung does not come back"
        take()
        browser.another_tab()
        shown.until("none")
        browser.first_tab()
        assert not browser.run("return armed"), "somebody has to arm it anew"
        browser.run("hold()")
        shown.arm()
        browser.run(f"hold({BUTTON_A})")
        running.wait_moving()
        assert shown.leader == "policy" and running.violations() == []


def tip(browser: Browser, file: Path) -> tuple[int, int]:
    """Where the highest arrow along a hand's z axis ends in the picture, from the middle of that [pixels]."""
    browser.screenshot(file)
    pixels = np.asarray(Image.open(file).convert("RGB"), dtype=int)
    height, width = pixels.shape[:2]
    pixels[:, :390] = pixels[:, width - 400 :] = 0  # the panels
    found = np.argwhere(np.abs(pixels - BLUE).max(axis=2) < 40)
    if len(found) < 20:
        return 0, 0
    y, x = found[found[:, 0].argmin()]
    return int(x) - width // 2, int(y) + 4 - height // 2


def test_a_slider_is_moved_a_hand_dragged_in_the_picture_and_the_robot_given_back(ros_domain_id: int, tmp_path: Path) -> None:
    folder = Path(SCREENSHOTS) if SCREENSHOTS else tmp_path
    with page(ros_domain_id, "--silence", "2.0", **SLOW) as shown:
        running, browser = shown.rig, shown.browser
        shown.open()
        browser.until_text("E-STOP")
        running.wait_moving()
        browser.inside(FRAME)
        shown.arm()
        elbow = running.robot.names.index("left_elbow_joint")
        before = running.robot.position[elbow]
        browser.press("input[name=left_elbow_joint]", 60)
        shown.until("takeover")
        wait_until(
            lambda: abs(running.robot.position[elbow] - before) > 0.1,
            LIMIT,
            f"an elbow that follows its slider {browser.run('return targets')}",
        )
        browser.release()
        shown.until("none")
        until_rest(running, LIMIT)

        browser.inside("")
        kinematics = Kinematics(load_robot(running.file).urdf_path)

        def hands() -> np.ndarray:
            return kinematics.poses(HANDS, dict(zip(running.robot.names, running.robot.position.tolist(), strict=True)))[0][:, 0]

        begin = hands()
        end = wait_until(
            lambda: tip(browser, folder / "monitor_hands.png") != (0, 0) and tip(browser, folder / "monitor_hands.png"), LIMIT, "arrows"
        )
        browser.press("canvas[data-engine]", *end)
        moves = iter(range(20))

        def moved() -> bool:
            if next(moves, None) is not None:
                browser.move(0, -6)
            return bool(np.linalg.norm(hands() - begin, axis=1).max() > 0.05)

        wait_until(moved, LIMIT, "a hand that is moved", interval=0.1)
        shown.until("takeover")
        browser.screenshot(folder / "monitor_taken_over.png")
        assert shown.leader == "takeover", "a pointer that is down and stands still holds it"
        assert np.abs(hands() - begin).max(axis=1).min() < 0.01, "the other hand stays"
        browser.release()
        shown.until("none")
        assert browser.errors() == []
        browser.inside(FRAME)

        def given_back() -> bool:  # in a small window the banner above it moves it, when what it says becomes longer
            browser.press("#back")
            browser.release()
            return shown.leader == "policy"

        wait_until(given_back, LIMIT, "a policy that leads", interval=1.0)
        running.wait_moving()
        assert shown.leader == "policy" and running.violations() == []
        browser.inside("")
        mark_an_episode(browser, Desk(running.robot.node, task="tidy up"), folder)
        assert browser.errors() == []


def mark_an_episode(browser: Browser, desk: Desk, folder: Path) -> None:
    """By a key, and a button."""
    browser.until_text("no episode is being recorded: tidy up", "begin")
    browser.press("canvas[data-engine]")
    browser.release()
    for key, down in ((SHIFT, True), ("B", True), ("B", False), (SHIFT, False)):
        browser.key(key, down)
    browser.until_text("recording episode 1: tidy up", "success", "failure", "discard")
    browser.screenshot(folder / "monitor_episode.png")
    browser.click("success")
    browser.until_text("episode 1: success", "begin")
    assert desk.told == [("begin", ""), ("success", "")]

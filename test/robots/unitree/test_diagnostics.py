"""What the driver says of itself is what docs/diagnostics.md says that it does."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from diagnostic_msgs.msg import DiagnosticStatus
from g1_bench import Bench

from neon_control.core.common.statistics import Percentiles
from neon_control.robots.unitree.diagnostics import MEANING, driver_status
from neon_control.robots.unitree.engagement import State
from neon_control.robots.unitree.problem import Problem

PAGE = Path(__file__).resolve().parents[3] / "docs" / "diagnostics.md"
OF_THE_NODE = {"rate_hz": 250.0, "messages": 3}


def told(bench: Bench) -> DiagnosticStatus:
    windows = {"lateness_ms": Percentiles(), "write_ms": Percentiles()}
    return driver_status("unitree_node: driver", "g1", bench.driver, bench.now, OF_THE_NODE, windows).status[0]


def values(status: DiagnosticStatus) -> dict[str, str]:
    return {v.key: v.value for v in status.values}


def test_every_key_is_documented() -> None:
    bench = Bench()
    bench.engage()
    bench.send({"left_elbow_joint": 1.5}, 0.004)
    bench.step(5)
    bench.crc = 3
    bench.step()
    section = PAGE.read_text().split("## unitree_node\n")[1].split("\n## ")[0]
    documented = re.findall(r"^\| `([^`]+)` \|", section, flags=re.MULTILINE)
    patterns = [re.compile(re.sub(r"<[^>]+>", "[^/]+", key)) for key in documented]
    keys = values(told(bench))

    assert {"limited/left_elbow_joint", "lowstate/wrong_crc", "hottest_motor_deg_c", "motor_deg_c/left_knee_joint"} <= set(keys)
    assert [key for key in keys if not any(pattern.fullmatch(key) for pattern in patterns)] == []
    assert set(MEANING) == set(State)


@pytest.mark.parametrize(
    ("problem", "state", "level"),
    [
        (None, "engaged", DiagnosticStatus.OK),
        (Problem("estop", "the e-stop is pressed"), "releasing", DiagnosticStatus.WARN),
    ],
)
def test_the_level_and_the_message_say_whether_it_drives(problem: Problem | None, state: str, level: bytes) -> None:
    bench = Bench()
    bench.engage()
    bench.outside = [problem]
    bench.step(2)
    status = told(bench)

    assert values(status)["state"] == state and status.level == level
    assert ("e-stop" in status.message) is (problem is not None)


def test_a_fault_is_an_error_that_says_what_to_do() -> None:
    bench = Bench()
    bench.engage()
    bench.state.fields["motor_state"]["motorstate"][2] = 1
    bench.run(2.0)
    status = told(bench)

    assert status.level == DiagnosticStatus.ERROR and "call ~/engage" in status.message and "motor 2" in status.message

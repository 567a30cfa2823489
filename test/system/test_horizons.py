"""Chunks of other horizons than 16 steps of 20 ms, from the policy to the controllers: both nodes as processes over real DDS."""

from __future__ import annotations

from pathlib import Path

import pytest
from delay_scene import DT, LIMIT, delay_scene
from waiting import wait_until

pytestmark = [pytest.mark.system, pytest.mark.slow, pytest.mark.timeout(300)]


@pytest.mark.parametrize(("num_steps", "dt", "added"), [(50, 0.02, 0.1), (8, 0.1, 0.0)], ids=["50 steps of 20 ms", "8 steps of 100 ms"])
def test_chunks_of_another_horizon_are_followed_and_go_on_from_what_is_under_way(
    num_steps: int, dt: float, added: float, ros_domain_id: int, tmp_path: Path
) -> None:
    """The longer one with a slower backbone: with what the rig's executor is ahead, 16 steps of 20 ms would be over."""
    with delay_scene(ros_domain_id, tmp_path, dt, num_steps, num_steps - 1, added_latency=added) as scene:
        begin = scene.now()
        scene.wait_conditioned(10)
        scene.rig.run_for(3 * DT)
        scene.judge(begin)
        assert {chunk.rows.shape[0] for chunk in scene.chunks} == {num_steps}
        wait_until(lambda: float(scene.status.get("delay_ms", "0")) >= 1e3 * max(added, dt), LIMIT, "the delay in the diagnostics")
        report = scene.rig.report()
        assert report["state"] == "running" and int(report["plans_told"]) > 0
        assert not [key for key in report if key.startswith("rejected/joints/length")]

import numpy as np
import pytest

from neon_control.core.robot.action_space import ActionSpace
from neon_control.doctor.range_use import BINS, RangeUse

SPACE = ActionSpace("arms_only", ("a", "b"), {"arms": slice(0, 2)}, np.array([0.0, -1.0]), np.array([1.0, 1.0]))


def test_the_share_of_time_in_each_part_of_the_range_adds_up_over_episodes() -> None:
    use = RangeUse(SPACE)
    assert use.share.sum() == 0.0
    use.add(np.array([[0.01, 0.0]] * 30), 0.1)
    use.add(np.array([[0.99, 5.0]] * 10), 0.1)
    use.add(np.zeros((0, 2)), 0.1)
    assert use.share[0, [0, BINS - 1]] == pytest.approx([0.75, 0.25])
    assert use.share[1, [BINS // 2, BINS - 1]] == pytest.approx([0.75, 0.25]), "what lies outside counts at the end"

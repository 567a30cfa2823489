from dataclasses import replace

import pytest

torch = pytest.importorskip("torch")

from synthetic import CONFIG, recording  # noqa: E402

from neon_control.core.common.errors import TrainingError  # noqa: E402
from neon_control.core.robot.action_space import ActionSpace  # noqa: E402
from neon_control.training.batches import to_batch  # noqa: E402
from neon_control.training.progressive import start_policy  # noqa: E402
from neon_control.training.regression import Comparison, compare, judge  # noqa: E402
from neon_control.training.trainer import train  # noqa: E402

WORSE = Comparison(7, (0.010, 0.012), (0.02, 0.02))


def test_both_policies_are_judged_on_the_same_samples(space: ActionSpace) -> None:
    batch = to_batch([recording(space, i) for i in range(3)], space)
    before = start_policy(CONFIG, space, batch)
    after, _ = train(replace(CONFIG, epochs=8), space, batch, batch)
    found = compare(before, after.policy, space, batch)
    assert found.samples == len(batch) and found.base is not None
    assert found.joints[1] == after.joint_error < found.joints[0] and found.base[1] < found.base[0]
    assert judge(found, CONFIG) == "" and compare(after.policy, after.policy, space, batch).worse(0.0) == ""
    backwards = compare(after.policy, before, space, batch)
    assert "joints" in backwards.worse(0.05) and "base" in backwards.worse(0.05)


def test_getting_worse_is_a_warning_or_the_end_and_says_both_figures() -> None:
    config = replace(CONFIG, init_from="old", tolerance=0.1)
    text = judge(WORSE, config)
    assert text.startswith("warning") and "joints 0.0100 rad before, 0.0120 after" in text and "base" not in text
    assert judge(WORSE, replace(config, tolerance=0.3)) == ""
    with pytest.raises(TrainingError, match=r"is not delivered: on 7 samples .* 0.0120 after"):
        judge(WORSE, replace(config, getting_worse="refuse"))
    assert WORSE.facts["old_validation_joint_error_rad"] == "0.01000 before, 0.01200 after"


def test_a_number_that_is_none_is_worse() -> None:
    assert "joints" in Comparison(1, (0.01, float("nan")), None).worse(10.0)

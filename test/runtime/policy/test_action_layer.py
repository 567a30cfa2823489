"""Action layers that do not end: a policy folder may come from anywhere."""

from __future__ import annotations

import time
from pathlib import Path

import pytest
import yaml
from graphs import add_endless_loop
from policies import write_policy

from neon_control.core.common.files import sha256
from neon_control.runtime.encoders.backbone import BackboneOptions
from neon_control.runtime.policy import action_layer
from neon_control.runtime.policy.loading import PolicyLoading
from neon_control.runtime.policy.policy import Policy
from neon_control.runtime.policy.policy_file import DESCRIPTION_FILE, ONNX_FILE


def write_endless(folder: Path, gathers: bool = False) -> None:
    add_endless_loop(folder / ONNX_FILE, gathers)
    description = yaml.safe_load((folder / DESCRIPTION_FILE).read_text())
    description["files"][ONNX_FILE] = sha256(folder / ONNX_FILE)
    (folder / DESCRIPTION_FILE).write_text(yaml.safe_dump(description))


@pytest.mark.parametrize(
    ("gathers", "limits", "message"),
    [
        (False, (1.0, 1 << 40), "one run does not end within 1 s"),
        (True, (60.0, 300 << 20), "of memory, at most 300 are given"),
    ],
    ids=["for ever", "into the memory"],
)
@pytest.mark.timeout(60)
def test_a_loop_without_end_is_refused(
    gathers: bool, limits: tuple[float, int], message: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The wound: a policy with such a graph was being loaded for ever, and no other one could be asked for."""
    _, _, robot = write_policy(tmp_path / "good")
    good = Policy.load(tmp_path / "good", robot)
    write_policy(tmp_path / "endless")
    write_endless(tmp_path / "endless", gathers)
    monkeypatch.setitem(action_layer.FIRST_RUN, "cpu", limits)

    loading = PolicyLoading(tmp_path / "endless", robot, BackboneOptions(), good.file)
    deadline = time.monotonic() + 40.0
    while not loading.done and time.monotonic() < deadline:
        time.sleep(0.05)

    assert loading.done and loading.policy is None
    assert message in loading.problem and ONNX_FILE in loading.problem
    good.warm_up()  # another one goes on

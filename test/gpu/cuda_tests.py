"""Stage: the tests that skip where there is no GPU. A row for each, from pytest's own report; those that still skip say why."""

from __future__ import annotations

import pytest
from stage import Stage

FILES = (
    "test/runtime/test_on_cuda.py",
    "test/runtime/compute/test_sessions.py",
    "test/runtime/policy/test_torch_action_layer.py",
    "test/tools/test_bench_command.py",
)
TINY = ("test/runtime/compute/test_sessions.py",)


class Rows:
    """A plugin of pytest that writes each test's outcome as it comes."""

    def __init__(self, stage: Stage) -> None:
        self.stage = stage

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        if report.when == "call" or report.outcome != "passed":
            text = str(report.longrepr[-1] if isinstance(report.longrepr, tuple) else report.longrepr or "").strip()
            self.stage.row(test=report.nodeid, outcome=report.outcome, seconds=round(report.duration, 2), text=text[-300:])


if __name__ == "__main__":
    stage = Stage("tests")
    # Without the conftest, whose imports a machine without ROS may lack, and one after the other: they share one GPU.
    options = ["-q", "-p", "no:cacheprovider", "-o", "addopts=--import-mode=importlib --strict-markers", "--noconftest"]
    pytest.main([*options, *(TINY if stage.dry else FILES)], plugins=[Rows(stage)])

"""neon_control: turns a frozen video model into a robot's hands, on ROS 2.

What can be imported from here is the public interface, see `docs/api.md`; everything else may change. A name is imported when it is first
asked for: `import neon_control` itself loads neither numpy nor ROS, torch or ONNX Runtime.
"""

import importlib
import os
from typing import TYPE_CHECKING

if TYPE_CHECKING:  # the same names for type checkers and editors; test_init.py compares the two lists
    from neon_control.core.common.errors import NeonControlError as NeonControlError
    from neon_control.core.control.chunk import ActionChunk as ActionChunk
    from neon_control.core.control.command import Command as Command
    from neon_control.core.control.executor import MotionExecutor as MotionExecutor
    from neon_control.core.control.executor_settings import ExecutorSettings as ExecutorSettings
    from neon_control.core.robot.action_space import ActionSpace as ActionSpace
    from neon_control.core.robot.robot import Robot as Robot
    from neon_control.core.robot.robot_file import load_robot as load_robot
    from neon_control.core.sensing.observation import Observation as Observation
    from neon_control.evaluation.judging import evaluate as evaluate
    from neon_control.model.action_heads import ActionHead as ActionHead
    from neon_control.model.action_heads import GenerativeHead as GenerativeHead
    from neon_control.model.action_heads import RegressionHead as RegressionHead
    from neon_control.model.action_heads import build_head as build_head
    from neon_control.model.action_heads import register_head as register_head
    from neon_control.nodes.outputs import Output as Output
    from neon_control.recordings.bag.bag_file import Bag as Bag
    from neon_control.recordings.finding import find_recordings as find_recordings
    from neon_control.runtime.encoders.backbone import Backbone as Backbone
    from neon_control.runtime.encoders.backbone import BackboneOptions as BackboneOptions
    from neon_control.runtime.encoders.backbone import BackboneSpec as BackboneSpec
    from neon_control.runtime.encoders.backbone import Encoded as Encoded
    from neon_control.runtime.encoders.registry import register_backbone as register_backbone
    from neon_control.runtime.policy.policy import Policy as Policy

__version__ = "0.2.0"

# ONNX Runtime's wheels report their use to Microsoft, and keep an identifier of the computer, unless this is set before they are imported.
# A robot does not report to anybody; who wants that sets ORT_DISABLE_TELEMETRY=0.
os.environ.setdefault("ORT_DISABLE_TELEMETRY", "1")

_PUBLIC = {  # module -> the names that it gives
    "core.common.errors": ("NeonControlError",),
    "core.control.chunk": ("ActionChunk",),
    "core.control.command": ("Command",),
    "core.control.executor": ("MotionExecutor",),
    "core.control.executor_settings": ("ExecutorSettings",),
    "core.robot.action_space": ("ActionSpace",),
    "core.robot.robot": ("Robot",),
    "core.robot.robot_file": ("load_robot",),
    "core.sensing.observation": ("Observation",),
    "evaluation.judging": ("evaluate",),
    "model.action_heads": ("ActionHead", "GenerativeHead", "RegressionHead", "build_head", "register_head"),
    "nodes.outputs": ("Output",),
    "recordings.bag.bag_file": ("Bag",),
    "recordings.finding": ("find_recordings",),
    "runtime.encoders.backbone": ("Backbone", "BackboneOptions", "BackboneSpec", "Encoded"),
    "runtime.encoders.registry": ("register_backbone",),
    "runtime.policy.policy": ("Policy",),
}
_MODULE_OF = {name: module for module, names in _PUBLIC.items() for name in names}
__all__ = ["__version__", *_MODULE_OF]


def __getattr__(name: str) -> object:
    if name not in _MODULE_OF:
        raise AttributeError(f"module 'neon_control' has no attribute '{name}'; its public names are {sorted(_MODULE_OF)}")
    value: object = getattr(importlib.import_module(f"neon_control.{_MODULE_OF[name]}"), name)
    globals()[name] = value  # the next look-up finds it there
    return value


def __dir__() -> list[str]:
    return sorted({*globals(), *_MODULE_OF})

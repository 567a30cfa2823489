"""The action layer in torch: for heads that cannot be exported. Imported only when a policy asks for it: torch.

On CUDA the whole pass is one captured graph, replayed for each chunk, so that a head of many small operations costs one launch
instead of hundreds (https://pytorch.org/docs/stable/notes/cuda.html#cuda-graphs). That needs shapes that never change, which a policy has.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import safetensors.torch
import torch
from safetensors import SafetensorError
from torch import Tensor, nn

from neon_control.core.common.errors import ConfigError, PolicyError
from neon_control.core.common.fields import Place
from neon_control.model.policy import ActionPolicy, PolicyConfig
from neon_control.runtime.compute.device_arrays import Array
from neon_control.runtime.compute.torch_device import as_tensor, on_stream, own_stream
from neon_control.runtime.policy.policy_file import DESCRIPTION_FILE, WEIGHTS_FILE, PolicyFile

MAX_SIZE = 1 << 16  # of any width, depth or number of steps
WARM_UP_RUNS = 3  # before a capture: libraries choose their algorithms in the first passes


def rebuild_policy(file: PolicyFile) -> ActionPolicy:
    """The torch module of a policy folder, from its configuration and its safetensors file.

    Raises:
        PolicyError: the weights are int8 or do not belong to the configuration, or no module has registered its head.
    """
    path, description = file.folder / WEIGHTS_FILE, file.folder / DESCRIPTION_FILE
    if file.weights == "int8":
        raise PolicyError(f"{path} holds int8 weights, which cannot be turned back; start from the policy that they were made of")
    _check_sizes(file.action_layer, Place(description, "action_layer", PolicyError))
    try:
        config = PolicyConfig.from_dict(file.action_layer)
        with torch.device("meta"):  # without memory for the weights, which may be more than there is, and than the file has
            needed = sum(tensor.numel() for tensor in ActionPolicy(config).state_dict().values())
        if 2 * needed > path.stat().st_size:  # [bytes] as float16
            raise ConfigError(f"action_layer: describes {needed} numbers, but {path.name} has only {path.stat().st_size} bytes")
        module = ActionPolicy(config)
    except ConfigError as error:
        raise PolicyError(f"{description}: {error}; a head of your own is known once its module is named in `plugins`") from error
    try:
        module.load_state_dict(safetensors.torch.load_file(path))
    except (RuntimeError, SafetensorError) as error:
        raise PolicyError(f"{path} does not hold the weights of the module that {description} describes: {error}") from error
    return module.eval()


def _check_sizes(value: Any, place: Place) -> None:
    """Refuse numbers that would be built for hours, or fill the memory."""
    if isinstance(value, int) and value > MAX_SIZE:
        raise place.wrong(f"at most {MAX_SIZE}", value)
    for key, entry in value.items() if isinstance(value, Mapping) else enumerate(value) if isinstance(value, list) else ():
        _check_sizes(entry, place.at(key))


class TorchActionLayer:
    """A module of named inputs on one device, without gradients.

    Args:
        module: forward(**inputs) -> actions; put into evaluation mode and onto the device.
        device: where it runs.
        threads: of one pass on the CPU; torch has one number for all its modules.
        graph: capture the pass where the device is a GPU; without, to compare.
    """

    def __init__(self, module: nn.Module, device: torch.device, threads: int = 1, graph: bool = True) -> None:
        if device.type == "cpu":
            torch.set_num_threads(threads)
        self._module = module.eval().to(device)
        self._device = device
        self._graph = graph and device.type == "cuda"
        self._stream = own_stream(device)
        self._inputs: dict[str, Tensor] = {}  # as of the newest run
        self._captured: dict[tuple[tuple[int, ...], ...], _CapturedPass] = {}  # by the inputs' shapes

    def run(self, inputs: Mapping[str, Array]) -> np.ndarray:
        """See `ActionLayer`."""
        with torch.inference_mode(), on_stream(self._stream):
            self._inputs |= {name: as_tensor(values, self._device) for name, values in inputs.items()}
            actions: np.ndarray = self._compute().cpu().numpy()
        return actions

    def _compute(self) -> Tensor:
        if not self._graph:
            result: Tensor = self._module(**self._inputs)
            return result
        shapes = tuple(tuple(values.shape) for values in self._inputs.values())
        if shapes not in self._captured:
            self._captured[shapes] = _CapturedPass(self._module, self._inputs)
        return self._captured[shapes].replay(self._inputs)


class _CapturedPass:
    """One pass as a CUDA graph: it reads and writes always the same memory. Made and replayed on a stream that is not the default one."""

    def __init__(self, module: nn.Module, inputs: Mapping[str, Tensor]) -> None:
        self._inputs = {name: values.clone() for name, values in inputs.items()}
        for _ in range(WARM_UP_RUNS):
            module(**self._inputs)
        self._graph = torch.cuda.CUDAGraph()
        # "thread_local": meanwhile another policy may run in other threads, whose waiting and reserving would else break the capture.
        with torch.cuda.graph(self._graph, stream=torch.cuda.current_stream(), capture_error_mode="thread_local"):
            self._output = module(**self._inputs)

    def replay(self, inputs: Mapping[str, Tensor]) -> Tensor:
        for name, values in inputs.items():
            self._inputs[name].copy_(values)
        self._graph.replay()
        result: Tensor = self._output
        return result

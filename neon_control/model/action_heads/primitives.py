"""The small parts every head is made of: activation, norm, output cap, learned residual, time, folded constants."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager

import torch
import torch.nn.functional as F
from torch import Tensor, nn
from torch.optim.optimizer import register_optimizer_step_post_hook


class ReLUSquared(nn.Module):
    """max(0, x)^2 (So et al. 2021, "Primer"): the gradient 2 max(0, x) is continuous at zero."""

    def forward(self, x: Tensor) -> Tensor:
        positive = F.relu(x)
        return positive * positive  # ONNX Runtime takes several times longer for `square`, which is its general power


class RMSNorm(nn.Module):
    """x / sqrt(mean(x^2) + eps) * weight over the last axis (Zhang and Sennrich 2019); no mean is taken off, there is no bias."""

    eps: Tensor

    def __init__(self, dim: int, eps: float = 1e-5) -> None:
        super().__init__()
        self.register_buffer("eps", torch.tensor(eps), persistent=False)  # as a tensor it costs a third of what a number costs
        self.weight = nn.Parameter(torch.ones(dim))

    def forward(self, x: Tensor) -> Tensor:
        wide = torch.float64 if x.dtype == torch.float64 else torch.float32
        if torch.compiler.is_compiling():  # the form that ONNX Runtime knows as one operation
            y = x.to(wide)
            return (y / torch.sqrt(y.pow(2).mean(-1, keepdim=True) + self.eps)).to(x.dtype) * self.weight
        # By hand: torch's own norm is made of nine operations on a CPU.
        norm = torch.linalg.vector_norm(x, dim=-1, keepdim=True, dtype=wide)
        scale = torch.rsqrt(torch.addcmul(self.eps, norm, norm, value=1.0 / x.shape[-1]))
        y = x * (scale * self.weight)
        return y if y.dtype == x.dtype else y.to(x.dtype)


class UnitRMS(nn.Module):
    """x / (rms(x) + eps) over the last axis: RMSNorm without weights, for where a linear layer follows."""

    eps: Tensor

    def __init__(self, eps: float = 1e-5) -> None:
        super().__init__()
        self.register_buffer("eps", torch.tensor(eps), persistent=False)

    def forward(self, x: Tensor) -> Tensor:
        return x / torch.add(self.eps, torch.linalg.vector_norm(x, dim=-1, keepdim=True), alpha=x.shape[-1] ** -0.5)


def soft_cap(x: Tensor, cap: float = 30.0) -> Tensor:
    """cap * tanh(x / cap): bounded by +-cap, slope 1 at zero, and never a zero gradient for moderate x."""
    return torch.tanh(x) if cap == 1.0 else cap * torch.tanh(x / cap)


def cap_output(x: Tensor, cap: float) -> Tensor:
    """The output bound of a head: `soft_cap` for cap > 0; cap = 0 is the v1 switch, a hard tanh (clamp to [-1, 1])."""
    return soft_cap(x, cap) if cap > 0.0 else F.hardtanh(x)


def uncap_output(y: Tensor, cap: float, limit: float = 0.99) -> Tensor:
    """The inverse of `cap_output` on [-limit, limit] * cap; actions beyond it, which a soft cap never reaches, count as the limit."""
    return cap * torch.atanh((y / cap).clamp(-limit, limit)) if cap > 0.0 else y


def norm_and_activation(dim: int, use_relu_squared: bool, use_rmsnorm: bool) -> tuple[nn.Module, nn.Module]:
    """RMSNorm, or nothing as in v1; ReLU squared, or GELU as in v1."""
    return RMSNorm(dim) if use_rmsnorm else nn.Identity(), ReLUSquared() if use_relu_squared else nn.GELU()


class Residual(nn.Module):
    """h + alpha * residual, with one learned alpha that starts at 1; in v1 alpha is the constant 1."""

    def __init__(self, learned: bool = True) -> None:
        super().__init__()
        self.alpha = nn.Parameter(torch.ones(())) if learned else None

    def forward(self, h: Tensor, residual: Tensor) -> Tensor:
        return h + residual if self.alpha is None else torch.addcmul(h, self.alpha, residual)


class HiddenLayer(nn.Sequential):
    """Linear -> RMSNorm -> ReLU squared, without dropout (a skip is saved before it)."""

    def __init__(self, input_dim: int, output_dim: int, use_relu_squared: bool = True, use_rmsnorm: bool = True) -> None:
        super().__init__(nn.Linear(input_dim, output_dim), *norm_and_activation(output_dim, use_relu_squared, use_rmsnorm))

    def forward(self, x: Tensor, added: Tensor | None = None) -> Tensor:
        """`added` is what else the norm is given, of the output's shape."""
        linear, norm, activation = self
        h = linear(x)
        result: Tensor = activation(norm(h if added is None else h + added))
        return result


class RowsLinear(nn.Module):
    """x W + b, for inputs of several rows, such as the steps of one chunk.

    W is (in, out), the transpose of what `nn.Linear` keeps: sixteen rows then take about 60 % of the time on a CPU. One row takes the
    same with either.
    """

    def __init__(self, in_features: int, out_features: int, bias: bool = True) -> None:
        super().__init__()
        like = nn.Linear(in_features, out_features, bias)  # its initial values
        self.weight = nn.Parameter(like.weight.detach().t().contiguous())
        self.bias = like.bias

    def forward(self, x: Tensor) -> Tensor:
        return F.linear(x, self.weight.t(), self.bias)


def small_init(linear: nn.Linear, std: float = 0.02) -> nn.Linear:
    """Start an output layer near zero: a fresh head then says "middle of the range", far from the cap's flat ends."""
    nn.init.trunc_normal_(linear.weight, std=std)
    if linear.bias is not None:
        nn.init.zeros_(linear.bias)
    return linear


class TimeEmbedding(nn.Module):
    """Time in [0, 1] to a vector: [cos(w_k t), sin(w_k t)] -> Linear -> SiLU -> Linear.

    The frequencies w_k grow geometrically from pi / 2 (one quarter turn over the whole path) to 100 pi.
    """

    def __init__(self, dim: int, num_frequencies: int = 64) -> None:
        super().__init__()
        self.num_frequencies = num_frequencies
        self.layers = nn.Sequential(nn.Linear(2 * num_frequencies, dim), nn.SiLU(), nn.Linear(dim, dim))

    def forward(self, t: Tensor) -> Tensor:
        """(B,) -> (B, dim)."""
        # Made anew each time, in single precision or more: rounded to bfloat16, the angles would be off by more than a radian.
        exponents = torch.linspace(math.log(0.5 * math.pi), math.log(100.0 * math.pi), self.num_frequencies, device=t.device)
        angles = t.to(torch.promote_types(t.dtype, torch.float32)).unsqueeze(-1) * exponents.exp()
        result: Tensor = self.layers(torch.cat([torch.cos(angles), torch.sin(angles)], dim=-1).to(next(self.layers.parameters()).dtype))
        return result


class Folded:
    """Keeps a tensor that depends on parameters only (step embeddings, time embeddings) for inference.

    It is computed again as soon as a parameter was written, moved or converted, or any optimiser has made a step (fused ones
    write without raising a parameter's version). Only a write through `parameter.data` goes unnoticed; write under
    `torch.no_grad()` instead.

    While gradients are recorded, under autocast and while a graph is exported, nothing is kept: the result must then stay
    connected to its parameters. An export that wants the results instead of their computation says so: see `constants_folded`.
    """

    optimiser_steps = 0  # of all optimisers in this process

    def __init__(self) -> None:
        self.frozen = False
        self._values: dict[object, tuple[tuple[object, ...], Tensor]] = {}

    def __call__(self, compute: Callable[[], Tensor], parameters: Iterable[Tensor], key: object = None) -> Tensor:
        """Return `compute()`, or what it gave last time for this `key` if none of `parameters` has changed since."""
        if self.frozen:
            return self._values[key][1]
        exporting = torch.compiler.is_compiling() or torch.jit.is_tracing()  # type: ignore[attr-defined, no-untyped-call]
        if exporting or torch.is_grad_enabled() or torch.is_autocast_enabled("cpu") or torch.is_autocast_enabled("cuda"):
            return compute()
        state = Folded.optimiser_steps, *((p.data_ptr(), 0 if p.is_inference() else p._version, p.dtype, p.device) for p in parameters)
        held = self._values.get(key)
        if held is None or held[0] != state:
            held = self._values[key] = (state, compute())
        return held[1]


def _count_step(*_: object) -> None:
    Folded.optimiser_steps += 1


register_optimizer_step_post_hook(_count_step)


@contextmanager
def constants_folded(module: nn.Module, inputs: tuple[Tensor | None, ...]) -> Iterator[None]:
    """While this lasts, everything `Folded` in `module` is a constant, so that a graph traced now holds values and not their computation.

    Args:
        inputs: of one forward pass, which computes the values.
    """
    held = [f for m in module.modules() for f in vars(m).values() if isinstance(f, Folded)]
    with torch.no_grad():
        module(*inputs)
    try:
        for folded in held:
            folded.frozen = True
        yield
    finally:
        for folded in held:
            folded.frozen = False

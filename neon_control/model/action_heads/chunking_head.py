"""ActionChunkingHead: features to the next S actions at once."""

from __future__ import annotations

import torch.nn.functional as F
from torch import Tensor, nn

from neon_control.model.action_heads.base import RegressionHead
from neon_control.model.action_heads.checks import check_arguments
from neon_control.model.action_heads.prefix import Continuation, Prefix, PrefixLayer, check_max_prefix, read_prefix
from neon_control.model.action_heads.primitives import Folded, HiddenLayer, Residual, cap_output, norm_and_activation, small_init


class ActionChunkingHead(RegressionHead):
    """One decoder, asked for each step by a learned step embedding e_i (action chunking: Zhao et al. 2023, ACT).

        f = ReLU^2(RMSNorm(W_0 c))
        h_i = ReLU^2(RMSNorm(W_1 [f | e_i] + b)) + alpha f        i = 0 .. S-1
        a_i = soft_cap(W_2 h_i)

    With `max_prefix` > 0 also from committed steps p (`prefix.py`): f = ReLU^2(RMSNorm(W_0 c + P p)), and a goes on from the last of them.

    Loss: mean over steps of (f_i(c) - a_i)^2. There is no sampling: each a_i is the conditional mean.

    W_1 [f | e_i] = U f + V e_i, so U f is computed once for all steps and V e_i + b once for all observations: at
    inference the only work per step is the norm, the activation and the output layer. `num_layers` counts linear
    layers from c to a; more than 3 adds residual hidden layers per step.

    Raises:
        ConfigError: a size is not positive, there are fewer than 3 layers, or dropout or the cap is out of range.
    """

    temporal = "step embeddings"

    def __init__(
        self,
        input_dim: int,
        action_dim: int,
        num_steps: int = 16,
        hidden_dim: int = 512,
        num_layers: int = 3,
        dropout: float = 0.1,
        use_relu_squared: bool = True,
        use_rmsnorm: bool = True,
        use_residual_scale: bool = True,
        soft_cap_value: float = 1.0,
        *,
        max_prefix: int = 0,
    ) -> None:
        super().__init__()
        sizes = {"input_dim": input_dim, "action_dim": action_dim, "num_steps": num_steps, "hidden_dim": hidden_dim}
        check_arguments("ActionChunkingHead", 3, **sizes, num_layers=num_layers, dropout=dropout, soft_cap_value=soft_cap_value)
        self.action_dim = action_dim
        self.num_steps = num_steps
        self.soft_cap_value = soft_cap_value
        self.dropout = nn.Dropout(dropout)
        self.feature_layer = HiddenLayer(input_dim, hidden_dim, use_relu_squared, use_rmsnorm)
        self.step_embed = nn.Embedding(num_steps, hidden_dim)
        self.step_layer = nn.Linear(2 * hidden_dim, hidden_dim)  # W_1: reads [f | e_i]
        self.step_activation = nn.Sequential(*norm_and_activation(hidden_dim, use_relu_squared, use_rmsnorm))
        self.step_residual = Residual(use_residual_scale)
        extra = range(num_layers - 3)
        self.hidden_layers = nn.ModuleList(HiddenLayer(hidden_dim, hidden_dim, use_relu_squared, use_rmsnorm) for _ in extra)
        self.residuals = nn.ModuleList(Residual(use_residual_scale) for _ in extra)
        self.output = small_init(nn.Linear(hidden_dim, action_dim))
        self._folded = Folded()
        self.max_prefix = check_max_prefix("ActionChunkingHead", max_prefix, num_steps)
        self.prefix = PrefixLayer(max_prefix, action_dim, hidden_dim) if max_prefix else None
        self.continuation = Continuation(num_steps, action_dim) if max_prefix else None

    def forward(self, features: Tensor, prefix: Tensor | None = None, prefix_length: Tensor | None = None) -> Tensor:
        """(B, F) -> (B, S, N); the prefix is as of `prefix.py`."""
        return self.chunk(features, read_prefix(self, prefix, prefix_length))

    def chunk(self, features: Tensor, committed: Prefix | None) -> Tensor:
        """As `forward`, with the prefix read."""
        added = None if committed is None or self.prefix is None else self.prefix(committed)
        f = self.dropout(self.feature_layer(features, added)).unsqueeze(1)  # (B, 1, H)
        u = self.step_layer.weight[:, : f.shape[-1]]  # (H, H)
        h = self.step_activation(F.linear(f, u) + self.step_term())  # (B, S, H)
        h = self.step_residual(self.dropout(h), f)
        for layer, residual in zip(self.hidden_layers, self.residuals, strict=True):
            h = residual(self.dropout(layer(h)), h)
        chunk = cap_output(self.output(h), self.soft_cap_value)  # (B, S, N)
        return chunk if committed is None or self.continuation is None else self.continuation(chunk, committed)

    def step_term(self) -> Tensor:
        """V e_i + b for every step, (S, H): it does not depend on the observation."""
        weight, bias, embedding = self.step_layer.weight, self.step_layer.bias, self.step_embed.weight
        return self._folded(lambda: F.linear(embedding, weight[:, embedding.shape[-1] :], bias), (weight, bias, embedding))

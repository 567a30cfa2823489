"""MLPDecoder: features to one action."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from neon_control.model.action_heads.base import RegressionHead
from neon_control.model.action_heads.checks import check_arguments
from neon_control.model.action_heads.primitives import HiddenLayer, Residual, cap_output, norm_and_activation, small_init


class MLPDecoder(RegressionHead):
    """An MLP of `num_layers` linear layers with a U-Net skip from the first hidden layer to the last.

    Loss: mean (f(c) - a)^2. There is no sampling: a = f(c), the conditional mean.

        c -> Linear -> RMSNorm -> ReLU^2 -(skip)-> dropout -> [hidden layers] -> RMSNorm -> ReLU^2 -> dropout -> h
        [h | skip] -> Linear -> RMSNorm -> ReLU^2 -> + alpha h -> Linear -> soft_cap

    The norm and activation before the concatenation make h differ from the skip; without skip connections they are left
    out, and with all v2 switches off this is a plain residual MLP. Two layers mean no hidden layer between.

    Raises:
        ConfigError: a size is not positive, there are fewer than 2 layers, or dropout or the cap is out of range.
    """

    num_steps = 1

    def __init__(
        self,
        input_dim: int,
        output_dim: int,
        hidden_dim: int = 512,
        num_layers: int = 3,
        dropout: float = 0.1,
        use_relu_squared: bool = True,
        use_rmsnorm: bool = True,
        use_residual_scale: bool = True,
        use_skip_connections: bool = True,
        soft_cap_value: float = 1.0,
    ) -> None:
        super().__init__()
        sizes = {"input_dim": input_dim, "output_dim": output_dim, "hidden_dim": hidden_dim, "num_layers": num_layers}
        check_arguments("MLPDecoder", 2, **sizes, dropout=dropout, soft_cap_value=soft_cap_value)
        self.action_dim = output_dim
        self.soft_cap_value = soft_cap_value
        self.use_skip_connections = use_skip_connections and num_layers >= 3
        self.dropout = nn.Dropout(dropout)
        self.input_layer = HiddenLayer(input_dim, hidden_dim, use_relu_squared, use_rmsnorm)
        self.refine: nn.Module = nn.Identity()
        widths = [hidden_dim] * (num_layers - 2)
        if self.use_skip_connections:
            self.refine = nn.Sequential(*norm_and_activation(hidden_dim, use_relu_squared, use_rmsnorm), nn.Dropout(dropout))
            widths[-1] = 2 * hidden_dim  # the last one reads [h | skip]
        self.hidden_layers = nn.ModuleList(HiddenLayer(w, hidden_dim, use_relu_squared, use_rmsnorm) for w in widths)
        self.residuals = nn.ModuleList(Residual(use_residual_scale) for _ in widths)
        self.output = small_init(nn.Linear(hidden_dim, output_dim))

    def forward(self, features: Tensor, added: Tensor | None = None) -> Tensor:
        """(B, F) -> (B, N); `added` (B, H) is what else the first layer is given."""
        skip = self.input_layer(features, added)  # (B, H)
        h = self.dropout(skip)
        last = len(self.hidden_layers) - 1
        for i, (layer, residual) in enumerate(zip(self.hidden_layers, self.residuals, strict=True)):
            if i < last:
                h = residual(self.dropout(layer(h)), h)
            else:
                h = self.refine(h)
                h = residual(layer(torch.cat([h, skip], dim=-1) if self.use_skip_connections else h), h)  # (B, H)
        return cap_output(self.output(h), self.soft_cap_value)  # (B, N)

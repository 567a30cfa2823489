"""ProprioceptionEncoder: shape and size."""

from __future__ import annotations

import pytest
import torch

from neon_control.model.proprioception import ProprioceptionEncoder


@pytest.mark.parametrize("joints", [14, 17, 29])
def test_has_100_k_parameters_and_gives_384_features(joints):
    encoder = ProprioceptionEncoder(joints)
    assert sum(p.numel() for p in encoder.parameters()) == pytest.approx(100e3, rel=0.15)
    assert encoder(torch.rand(5, joints)).shape == (5, 384)


def test_tells_positions_apart_by_size_and_sign():
    encoder = ProprioceptionEncoder(3)
    p = torch.tensor([[0.4, 0.1, -0.2]])
    assert (encoder(p) - encoder(-p)).abs().max() > 0.1
    assert (encoder(p) - encoder(0.5 * p)).abs().max() > 0.01

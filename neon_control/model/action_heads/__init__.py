"""Action heads: features to chunks of actions. One head per file; `base.py` tells the theory."""

from neon_control.model.action_heads.base import ActionHead, RegressionHead
from neon_control.model.action_heads.chunking_head import ActionChunkingHead
from neon_control.model.action_heads.config import ActionHeadConfig
from neon_control.model.action_heads.dit_block import DiTBlock
from neon_control.model.action_heads.dit_head import DiTActionHead
from neon_control.model.action_heads.ensemble_head import EnsembleHead
from neon_control.model.action_heads.factory import HeadConfig, build_head, register_head, registered_heads
from neon_control.model.action_heads.flow_matching_head import FlowMatchingHead
from neon_control.model.action_heads.generative import GenerativeHead
from neon_control.model.action_heads.grouped_head import GroupedActionHead, group_sizes
from neon_control.model.action_heads.mlp_decoder import MLPDecoder
from neon_control.model.action_heads.primitives import ReLUSquared, RMSNorm, soft_cap
from neon_control.model.action_heads.state_relative_head import StateRelativeHead

__all__ = [
    "ActionChunkingHead",
    "ActionHead",
    "ActionHeadConfig",
    "DiTActionHead",
    "DiTBlock",
    "EnsembleHead",
    "FlowMatchingHead",
    "GenerativeHead",
    "GroupedActionHead",
    "HeadConfig",
    "MLPDecoder",
    "RMSNorm",
    "ReLUSquared",
    "RegressionHead",
    "StateRelativeHead",
    "build_head",
    "group_sizes",
    "register_head",
    "registered_heads",
    "soft_cap",
]

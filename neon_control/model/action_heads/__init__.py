"""Action heads: features to chunks of actions. One head per file; `base.py` tells the theory."""

from neon_control.model.action_heads.base import ActionHead as ActionHead
from neon_control.model.action_heads.base import RegressionHead as RegressionHead
from neon_control.model.action_heads.chunking_head import ActionChunkingHead as ActionChunkingHead
from neon_control.model.action_heads.config import ActionHeadConfig as ActionHeadConfig
from neon_control.model.action_heads.dit_block import DiTBlock as DiTBlock
from neon_control.model.action_heads.dit_head import DiTActionHead as DiTActionHead
from neon_control.model.action_heads.ensemble_head import EnsembleHead as EnsembleHead
from neon_control.model.action_heads.factory import build_head as build_head
from neon_control.model.action_heads.factory import register_head as register_head
from neon_control.model.action_heads.factory import registered_heads as registered_heads
from neon_control.model.action_heads.flow_matching_head import FlowMatchingHead as FlowMatchingHead
from neon_control.model.action_heads.generative import GenerativeHead as GenerativeHead
from neon_control.model.action_heads.grouped_head import GroupedActionHead as GroupedActionHead
from neon_control.model.action_heads.grouped_head import group_sizes as group_sizes
from neon_control.model.action_heads.mlp_decoder import MLPDecoder as MLPDecoder
from neon_control.model.action_heads.state_relative_head import StateRelativeHead as StateRelativeHead

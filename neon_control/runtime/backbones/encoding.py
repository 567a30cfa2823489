"""Observations to features, one code for training and for the robot."""

from __future__ import annotations

from collections.abc import Sequence

from neon_control.core.errors import ObservationError
from neon_control.core.observation import Observation
from neon_control.runtime.backbones.backbone import Backbone, BackboneSpec, Encoded


def encode_observations(backbone: Backbone, spec: BackboneSpec, observations: Sequence[Observation]) -> Encoded:
    """What a backbone makes of n observations, all cameras of all of them in one batch.

    Args:
        backbone: the backbone of one camera.
        spec: what the policy says: how many cameras, how they are combined, the instruction.
        observations: n of them.

    Returns:
        features (n, F): the cameras' features one after the other, in the policy's order, or their mean.

    Raises:
        ObservationError: an observation has another number of cameras; otherwise as of `Backbone.encode`.
    """
    count = max(1, len(spec.cameras))
    wrong = [len(o.clips) for o in observations if len(o.clips) != count]
    if wrong:
        raise ObservationError(f"the policy looks at {count} cameras, but the observations are of {wrong}", ("camera",))
    clips = [clip for o in observations for clip in o.clips]  # n * count
    sound = [o.audio for o in observations for _ in range(count)] if backbone.hears else []
    features = backbone.encode(clips, spec.instruction, sound).features.reshape(len(observations), count, -1)  # (n, cameras, hidden_size)
    return Encoded(features.mean(axis=1) if spec.combine == "average" else features.reshape(len(observations), -1))

"""What every frozen backbone is: clips, an instruction and sound in, one feature vector for each clip out.

   clips        B clips of T images (H, W, 3) uint8 RGB, the newest last; T is what `clip.frames` asks for
   instruction  a text; ignored by none: a backbone that cannot read refuses it
   audio        B windows (32000,) float32, for a backbone that hears
-> features     (B, hidden_size) float32, the mean over the tokens that are not padding
   tokens, mask (B, S, hidden_size) float32 and (B, S) bool, when asked for
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, fields, replace
from typing import Any, ClassVar

import numpy as np

from neon_control.core.common.errors import ConfigError
from neon_control.core.common.fields import check_fields, default_of, setting
from neon_control.core.robot.view import PLAIN, View
from neon_control.core.sensing.image_buffer import Clip
from neon_control.runtime.compute.device_arrays import Array
from neon_control.runtime.encoders.preprocessing import FITS

COMBINATIONS = ("concatenate", "average")  # how the features of several cameras become one vector


@dataclass(frozen=True)
class BackboneSpec:
    """The block `vision` of a policy: which backbone made the features that it was trained on, of which cameras, and how.

    Raises:
        ConfigError: a camera twice, an unknown way to combine them, or views or features that cannot be of so many cameras.
    """

    FURTHER_FIELDS: ClassVar[bool] = True  # a later version's mean nothing here

    encoder: str  # name in the registry
    revision: str  # short hash of everything small that decides the features
    features: int = setting(minimum=1)  # F; with concatenated cameras, those of all of them
    fit: str = setting("stretch", choices=tuple(FITS))  # how an image gets the encoder's aspect ratio; efficientnet_lite0 only
    # Of Hugging Face models only, until `files`. A relative folder of `model` counts from the policy's.
    model: str = setting("", "a folder, or a repository of the Hugging Face hub", offered=True)
    clip: Clip = setting(Clip(), "the images of an observation, for example '{frames: 8, rate_hz: 4.0}'", offered=True)
    instruction: str = setting("", "a text for a model that reads", offered=True)
    tasks: bool = setting(False, "whether it reads each recording's own task, and live what it is told", offered=True)
    audio: bool = setting(False, "whether the model hears", offered=True)
    max_pixels: int = setting(0, "the largest area of an image", offered=True)  # [pixels] 0: what the model's processor says
    files: Mapping[str, str] = setting({}, scalar=True)  # weight file -> SHA-256, verified on every load where recorded
    cameras: tuple[str, ...] = ()  # any backbone: which of the robot's cameras it looks at; empty: the first one
    views: tuple[View, ...] = ()  # what of each camera's picture it was trained on, in the order of `cameras`; empty: all of it, as it came
    combine: str = setting("concatenate", choices=COMBINATIONS)
    tokens: int = setting(0, minimum=0)  # T: the action layer also reads the backbone's tokens, of all cameras, padded to this number

    def __post_init__(self) -> None:
        check_fields(self)
        if len(set(self.cameras)) < len(self.cameras):
            raise ConfigError(f"cameras: each may be named once, got {list(self.cameras)}")
        if self.views and len(self.views) != max(1, len(self.cameras)):
            raise ConfigError(f"views: needs one for each of {max(1, len(self.cameras))} cameras, got {len(self.views)}")
        if self.features % self.parts:
            raise ConfigError(f"features: {self.parts} concatenated cameras give a multiple of {self.parts}, got {self.features}")

    def words(self, told: str) -> str:
        """What the backbone reads where a policy was told this; `instruction` stands in for nothing."""
        return (told or self.instruction) if self.tasks else self.instruction

    @property
    def parts(self) -> int:
        """How many cameras' features stand one after the other."""
        return max(1, len(self.cameras)) if self.combine == "concatenate" else 1

    def of_one_camera(self) -> BackboneSpec:
        """What the backbone itself has to be: it knows nothing of cameras."""
        return replace(self, features=self.features // self.parts, cameras=(), views=(), combine="concatenate", tokens=0)

    def looking_at(self, cameras: Sequence[str], combine: str = "concatenate", views: Sequence[View] = ()) -> BackboneSpec:
        """The same backbone on other cameras; `features` follows. `views`: as of the field, also where all are plain."""
        one, views = self.of_one_camera(), () if all(view == PLAIN for view in views) else tuple(views)
        count = max(1, len(cameras)) if combine == "concatenate" else 1
        return replace(one, features=one.features * count, cameras=tuple(cameras), views=views, combine=combine, tokens=self.tokens)

    def to_dict(self) -> dict[str, Any]:
        """As `policy.yaml` has it: optional fields only where they say something."""
        always = ("encoder", "revision", "features", "fit")
        values = asdict(self) | {"cameras": list(self.cameras)}
        return {f.name: v for f in fields(self) if (v := values[f.name]) and (f.name in always or getattr(self, f.name) != default_of(f))}


@dataclass(frozen=True)
class BackboneOptions:
    """How to run a policy on this computer; nothing here changes what it means."""

    threads: int = 1  # of one inference on the CPU
    provider: str = "auto"  # what ONNX Runtime runs on: auto, cpu, cuda, tensorrt
    device: str = "auto"  # what torch runs on: auto, cpu, cuda, cuda:1; Hugging Face backbones, and heads that cannot be exported
    compile: bool = False  # torch.compile: a slow start, faster afterwards
    trust_remote_code: bool = False  # run Python code that comes with the model; a policy cannot ask for this, only its user can


@dataclass(frozen=True)
class Encoded:
    """What a backbone made of B clips; on a GPU, arrays may stay there, see `device_arrays.py`."""

    features: Array  # (B, hidden_size) float32
    tokens: Array | None = None  # (B, S, hidden_size) float32
    mask: Array | None = None  # (B, S) bool, False for padding


class Backbone(ABC):
    """A frozen network; see the module for what goes in and out."""

    name: str  # in the registry
    revision: str  # what decides the features' values besides the weights' bytes; compared with the policy's
    hidden_size: int  # F
    clip: Clip = Clip()  # the images it looks at; the image buffer serves them
    hears: bool = False  # whether `encode` needs the sound
    reads: bool = False  # whether `encode` takes instructions that change

    @abstractmethod
    def encode(
        self, clips: Sequence[Sequence[np.ndarray]], instruction: str = "", audio: Sequence[np.ndarray] = (), tokens: bool = False
    ) -> Encoded:
        """See the module. Tokens, which are large, are given only where they are asked for.

        Raises:
            ObservationError: images or sound of another shape or type, another number of frames, or words that cannot be read.
        """

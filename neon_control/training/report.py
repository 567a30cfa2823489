"""`report.md` in the folder of a run: what was trained on what, how the losses fell, and where the policy still errs."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import torch

from neon_control.core.common.text_table import markdown_table
from neon_control.core.robot.action_space import ActionSpace
from neon_control.model.policy import FEATURE_LIMIT
from neon_control.training.batches import Batch
from neon_control.training.config import TrainConfig
from neon_control.training.curves import Curves
from neon_control.training.evaluation import EVALUATION_BATCH, Result, predict
from neon_control.training.interventions import Seconds
from neon_control.training.spill import Spill

EXAMPLES = 5
COLUMNS = ("dimension [rad; m/s, rad/s]", "error", "first step", "last step", "holding", "range", "clipped")
KINDS_COLUMNS = ("whose action it is", "recorded", "used", "drawn")
DRAWN = "\nThe policy draws its actions: errors are those of one draw, and larger than those of the mean.\n"
TEXT = """# Training report: {name}

{facts}

Configuration: [config.yaml](config.yaml). Curves: [training.csv](training.csv), [validation.csv](validation.csv),
or `tensorboard --logdir {run}` (`pip install tensorboard`).

## Losses

![losses](losses.png)

Mean squared errors of normalised actions (or of a field, for a head that draws). Validation is of the averaged weights, without dropout.

## Errors on validation episodes

![errors](errors.png)
{drawn}
Mean absolute error over recorded steps. *Holding* is the error of not moving: joints stay where they are, the base stands still. *Range* is
the part of the expressible range between the 1st and the 99th percentile of the training actions; *clipped* is the share at its ends.

{dimensions}

## What was learnt from

{seconds}

*Drawn* is the share of the training samples; a step draws a sample as often as its weight says.

## Use of the normaliser's range

![calibration](calibration.png)

A joint that uses little of its range has a small loss whatever it does: raise its group's loss weight. Clipped actions cannot be learned
as they were recorded.

## Example chunks

![chunks](chunks.png)

Evenly spaced samples of the validation episodes, and of each group the two dimensions that move most in them.
"""


def write_report(
    run: Path,
    config: TrainConfig,
    space: ActionSpace,
    result: Result,
    curves: Curves,
    training: Batch,
    validation: Batch,
    summary: Mapping[str, Any],
    spill: Spill,
    seconds: Mapping[str, Seconds],
) -> Path:
    """Draw the figures and write the text; returns its path."""
    from neon_control.training import figures  # matplotlib takes a second to import, and only this needs it

    run.mkdir(parents=True, exist_ok=True)
    dt = config.dt
    ranges, clipped, states = calibration(training)
    predicted, target, mask = examples(result, space, validation)
    holding = hold_error(space, validation)
    figures.draw_losses(run / "losses.png", curves, tuple(result.policy.config.groups))
    figures.draw_errors(run / "errors.png", result.error, result.dimension_error, holding, space, dt)
    figures.draw_calibration(run / "calibration.png", ranges, clipped, states, space)
    figures.draw_chunks(run / "chunks.png", predicted, target, mask, space, dt)
    rows = [
        (
            name,
            *(f"{error:.4f}" for error in (result.dimension_error[i], result.error[0, i], result.error[-1, i], holding[i])),
            f"{100 * (ranges[i, 2] - ranges[i, 0]) / 2:.0f} %",
            f"{100 * clipped[i]:.2f} %",
        )
        for i, name in enumerate(space.names)
    ]
    cut = f"{100 * cut_features(result, training, spill):.3f} % beyond {FEATURE_LIMIT:g} standard deviations"
    facts = [*((key.replace("_", " "), value) for key, value in summary.items()), ("cut-off features", cut)]
    path = run / "report.md"
    drawn = DRAWN if result.policy.draws else ""
    dimensions = markdown_table(COLUMNS, rows)
    kinds = markdown_table(
        KINDS_COLUMNS, [(name, f"{s.recorded:.1f} s", f"{s.used:.1f} s", f"{100 * s.share:.0f} %") for name, s in seconds.items()]
    )
    told = {"name": config.name, "facts": markdown_table(("", ""), facts), "run": run, "drawn": drawn, "dimensions": dimensions}
    path.write_text(TEXT.format(**told, seconds=kinds))
    return path


def calibration(batch: Batch) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Percentiles (N, 3) of recorded normalised actions, share (N,) of them at the ends of the range, percentiles (J, 3) of the joints."""
    actions = batch.actions[batch.mask > 0].numpy()  # (recorded steps, N)
    percentiles = (1.0, 50.0, 99.0)
    clipped = (np.abs(actions) >= 1.0).mean(0)
    return np.percentile(actions, percentiles, axis=0).T, clipped, np.percentile(batch.joints.numpy(), percentiles, axis=0).T


def hold_error(space: ActionSpace, batch: Batch) -> np.ndarray:
    """(N,) mean absolute error of a policy that keeps the joints where they are and the base at rest; in physical units."""
    holding = torch.zeros(len(batch), space.dim)
    holding[:, : space.num_joints] = batch.joints
    error = (batch.actions - holding.unsqueeze(1)).abs() * batch.mask.unsqueeze(-1)
    held: np.ndarray = (error.sum((0, 1)) / batch.mask.sum()).numpy() * (space.upper - space.lower) / 2.0
    return held


def examples(result: Result, space: ActionSpace, batch: Batch) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Predicted and recorded chunks (examples, H, N) in physical units, and their masks (examples, H)."""
    whole = torch.nonzero(batch.mask.amin(1) > 0).flatten()  # samples of which every step was recorded
    candidates = whole if len(whole) >= EXAMPLES else torch.arange(len(batch))
    index = candidates[torch.linspace(0, len(candidates) - 1, min(EXAMPLES, len(candidates)) + 2)[1:-1].long()]
    device = next(result.policy.parameters()).device
    part = batch.pick(index)
    with torch.no_grad(), torch.random.fork_rng():
        torch.manual_seed(0)
        predicted = predict(result.policy, part.to(device)).cpu()
    return space.denormalise(predicted.numpy()), space.denormalise(part.actions.numpy()), part.mask.numpy()


def cut_features(result: Result, batch: Batch, spill: Spill) -> float:
    """Share of the vision features that `ActionPolicy` cuts off."""
    policy = result.policy
    mean, limit = policy.vision_mean.cpu(), FEATURE_LIMIT * policy.vision_std.cpu()
    found = 0
    for part in batch.vision.split(EVALUATION_BATCH):  # never a second copy of all of them
        found += int(((part - mean).abs() > limit).sum())
        spill.let_go()
    return found / batch.vision.numel()

"""The training loop: features in, a trained action layer out. The encoders are frozen, so they are not here at all."""

from __future__ import annotations

import math
import shutil
from dataclasses import replace
from functools import partial
from pathlib import Path
from threading import Event
from typing import cast

import numpy as np
import torch
import yaml
from torch import Tensor, nn
from torch.optim.swa_utils import AveragedModel
from tqdm import tqdm

from neon_control.core.common.errors import TrainingError
from neon_control.core.robot.action_space import ActionSpace
from neon_control.model.action_heads.prefix import without_given
from neon_control.model.policy import ActionPolicy
from neon_control.runtime.encoders.backbone import BackboneSpec
from neon_control.training import optimisation
from neon_control.training.batches import Batch, batch_indices, with_views
from neon_control.training.checkpoint import newest_checkpoint, save_checkpoint
from neon_control.training.config import TrainConfig
from neon_control.training.curves import Curves
from neon_control.training.delays import drawn_prefixes
from neon_control.training.distribution import Workers
from neon_control.training.evaluation import Result, evaluate
from neon_control.training.interruption import interruptions
from neon_control.training.progressive import start_policy
from neon_control.training.spill import Spill

ALONE = Workers()


def train(
    config: TrainConfig,
    space: ActionSpace,
    training: Batch,
    validation: Batch,
    run: Path | None = None,
    vision: BackboneSpec | None = None,
    workers: Workers = ALONE,
    views: Tensor | None = None,
    spill: Spill | None = None,
    often: np.ndarray | None = None,
) -> tuple[Result, Curves]:
    """Train the action layer; the same seed, data and number of threads give the same weights.

    Minimises the masked mean squared error, weighted by group, with AdamW, a cosine schedule after a linear warm-up,
    gradient clipping, and an exponential moving average of the weights, which is what is returned.

    Args:
        run: folder for checkpoints and curves; a run that lies there already goes on, if its configuration and data are these.
        vision: the backbone that made the features, to be compared with that of `init_from`.
        workers: the processes of the run; each is given all samples.
        views: (n, K, F) features of K augmented variants of each training sample's image.
        spill: where samples are that are not in memory.
        often: (n,) how often each training sample is drawn against the others; None: all alike.

    Raises:
        TrainingError: the run's checkpoint is of another run, or a loss is not finite.
        KeyboardInterrupt: the run was interrupted; its checkpoint is saved.
    """
    torch.manual_seed(config.seed)
    torch.set_num_threads(config.threads)
    spill = spill or Spill()
    policy = start_policy(config, space, training, vision, spill)
    trainer = _Trainer(config, space, training, validation, policy, run, workers, views, spill, often)
    try:
        with interruptions() as interrupted:
            while not trainer.done:
                trainer.epoch(interrupted)
        return evaluate(cast(ActionPolicy, trainer.average.module), space, trainer.validation), trainer.curves
    finally:
        trainer.close()


class _Trainer:
    """The state of a run, and one epoch of it."""

    def __init__(
        self,
        config: TrainConfig,
        space: ActionSpace,
        training: Batch,
        validation: Batch,
        policy: ActionPolicy,
        run: Path | None,
        workers: Workers,
        views: Tensor | None,
        spill: Spill,
        often: np.ndarray | None,
    ) -> None:
        self.config, self.space, self.workers, self.spill = config, space, workers, spill
        self.device = optimisation.choose_device(config.device, workers.local_rank)
        self.fingerprint = training.fingerprint() if run is not None else ""
        self.recorded = training.mask  # (n, H)
        self.training, self.validation = training.to(self.device), validation.to(self.device)
        self.views = None if views is None else views.to(self.device)
        self.often = None if often is None else torch.from_numpy(often)
        self.prefix_weights = drawn_prefixes(config)
        self.policy = policy.to(self.device)
        self.average = AveragedModel(self.policy, avg_fn=optimisation.moving_average(config.ema_decay))
        self.modules = nn.ModuleDict({"policy": self.policy, "average": self.average})  # by their names in a checkpoint
        self.optimiser = optimisation.make_optimiser(config, self.policy)
        self.epoch_steps = math.ceil(len(training) / config.batch_size)
        self.steps = config.epochs * self.epoch_steps
        self.step = 0
        self.checkpoints = None if run is None else run / "checkpoints"
        checkpoint = self._take_up()
        self.objective = workers.wrap(optimisation.Objective(self.policy))
        if config.compile:
            self.objective = cast(nn.Module, torch.compile(self.objective))
        self.curves = Curves(tuple(policy.config.groups), run if workers.first else None, self.step)
        if checkpoint is not None:
            self.curves.load_state(checkpoint)
        if run is not None and workers.first:
            (run / "config.yaml").write_text(yaml.safe_dump(config.to_dict(), sort_keys=False, width=140))
        self.progress = tqdm(total=self.steps, initial=self.step, desc="training", unit="step", disable=None if workers.first else True)

    @property
    def done(self) -> bool:
        return self.step >= self.steps

    def epoch(self, interrupted: Event) -> None:
        """The rest of the current epoch, and its validation."""
        epoch, start = divmod(self.step, self.epoch_steps)
        self.policy.train()
        for index in batch_indices(len(self.training), self.config.batch_size, self.config.seed, epoch, start, self.often):
            stop = self._train_step(index, interrupted.is_set())
            if self.step % self.epoch_steps == 0:
                self._validate()
            if stop or self.done or self.step % self.config.checkpoint_steps == 0:
                self._save()
            if stop and not self.done:
                if self.checkpoints is not None and self.workers.first:
                    tqdm.write(f"interrupted after step {self.step} of {self.steps}; the same command goes on from there")
                raise KeyboardInterrupt

    def close(self) -> None:
        self.progress.close()
        self.curves.close()

    def _train_step(self, index: Tensor, interrupted: bool) -> bool:
        """One step on this process's share of the batch at `index`. Returns whether any process was interrupted."""
        config = self.config
        rate = config.learning_rate * optimisation.rate_factor(self.step, self.steps, config.warmup_share)
        for group in self.optimiser.param_groups:
            group["lr"] = rate
        torch.manual_seed(optimisation.step_seed(config.seed, self.step, self.workers.rank))
        known = optimisation.draw_known(config, len(index), self.step)
        mine = self.workers.share(torch.arange(len(index)))
        given, counting = None, self.recorded[index]
        if self.prefix_weights is not None:
            given = optimisation.draw_prefix(config, self.prefix_weights, counting, self.step)
            counting = without_given(counting, given)
        weight = self._weight(counting, mine)
        mine = mine if len(mine) else torch.zeros(1, dtype=torch.long)  # a process without a sample computes on one of no weight
        batch = self._samples(index, mine)
        with optimisation.autocast(config, self.device):
            hidden, committed = (None if values is None else values[mine].to(self.device) for values in (known, given))
            losses = self.objective(**vars(batch), known=hidden, prefix_length=committed)
        self.optimiser.zero_grad(set_to_none=True)
        (losses[0] if self.workers.size == 1 else losses[0] * weight * self.workers.size).backward()
        norm = torch.nn.utils.clip_grad_norm_(self.policy.parameters(), config.gradient_clip)
        stop = torch.tensor([float(interrupted)], device=self.device)
        *report, stopped = self.workers.total(torch.cat([losses.float() * weight, stop])).tolist()
        if not math.isfinite(report[0]) or not math.isfinite(float(norm)):
            raise self._not_finite(index, report, float(norm))
        self.optimiser.step()
        self.average.update_parameters(self.policy)
        self.step += 1
        self.curves.add("training", self.step, *report, float(norm), rate)
        self.progress.set_postfix_str(f"loss {report[0]:.4g}", refresh=False)
        self.progress.update()
        return bool(stopped > 0.0)

    def _samples(self, index: Tensor, mine: Tensor) -> Batch:
        """Those of the batch at `index` that are this process's, some of them with a variant of their image."""
        rows = index[mine].to(self.device)
        batch = self.training.pick(rows)
        if self.views is not None:
            choice = optimisation.draw_views(self.config, len(index), self.views.shape[1], self.step)[mine].to(self.device)
            batch = replace(batch, vision=with_views(batch.vision, self.views[rows], choice))
        self.spill.let_go()
        return batch

    def _weight(self, counting: Tensor, mine: Tensor) -> float:
        """How much of the batch's mean comes from this process's samples: by the steps that count (n, H), or by samples."""
        if self.workers.size == 1:
            return 1.0
        if self.policy.config.loss_reduction == "mean":
            return len(mine) / len(counting)
        return float(counting[mine].sum() / counting.sum().clamp(min=1.0))

    def _not_finite(self, index: Tensor, report: list[float], norm: float) -> TrainingError:
        epoch, number = divmod(self.step, self.epoch_steps)
        losses = dict(zip(("total", *self.policy.config.groups), report, strict=True))
        batch = self.training.pick(index.to(self.device))
        bad = [name for name, values in vars(batch).items() if not torch.isfinite(values).all()]
        saved = sorted(self.checkpoints.glob("step-*")) if self.checkpoints is not None else []
        kept = f"the last good checkpoint is {saved[-1]}" if saved else "no checkpoint was saved yet"
        return TrainingError(
            f"the loss is not finite at step {self.step + 1} of {self.steps}, epoch {epoch + 1}, batch {number + 1} "
            f"(samples {index[:8].tolist()}..): losses {losses}, norm of the gradient {norm}; "
            + (f"its inputs {bad} hold NaN or infinity; " if bad else "its inputs are finite: try a smaller --learning_rate; ")
            + kept
        )

    def _validate(self) -> None:
        if self.workers.first:
            result = evaluate(cast(ActionPolicy, self.average.module), self.space, self.validation)
            self.spill.let_go()
            errors = [error for error in (result.joint_error, result.base_error) if error is not None]
            self.curves.add("validation", self.step, *result.losses.values(), *errors)
            self.policy.train()

    def _state(self) -> dict[str, Tensor]:
        state = self.modules.state_dict()
        for name, parameter in self.policy.named_parameters():
            state |= {f"optimiser.{key}.{name}": value for key, value in self.optimiser.state.get(parameter, {}).items()}
        return state | self.curves.state()

    def _save(self) -> None:
        if self.checkpoints is not None and self.workers.first:
            save_checkpoint(self.checkpoints, self.step, self._state(), self.config.to_dict(), self.fingerprint)

    def _take_up(self) -> dict[str, Tensor] | None:
        """Load the newest checkpoint, if the run has one and it is to go on."""
        if self.checkpoints is None:
            return None
        if self.config.resume == "never":
            self.workers.first_before_others(partial(shutil.rmtree, self.checkpoints, ignore_errors=True))
        found = newest_checkpoint(self.checkpoints, self.config.to_dict(), self.fingerprint)
        if found is None:
            return None
        self.step, state = found
        self.modules.load_state_dict({name: state[name] for name in self.modules.state_dict()})
        for name, parameter in self.policy.named_parameters():
            keys = {key: f"optimiser.{key}.{name}" for key in ("step", "exp_avg", "exp_avg_sq")}
            self.optimiser.state[parameter] = {key: state[full].to(self.device) for key, full in keys.items() if full in state}
        return state

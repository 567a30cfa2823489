"""Every error this package raises on purpose derives from `NeonControlError`."""


class NeonControlError(Exception):
    """Root of the package's errors."""


class ConfigError(NeonControlError):
    """A configuration file or parameter is wrong; the message names the file and the field."""


class ObservationError(NeonControlError):
    """No usable observation: the message names every input that is missing or stale, and so does `inputs`, for counters."""

    def __init__(self, message: str, inputs: tuple[str, ...] = ()) -> None:
        super().__init__(message)
        self.inputs = inputs


class ChunkError(NeonControlError):
    """A chunk was refused; `reason` is a short stable word for counters and diagnostics, for example ``"non_finite"``."""

    def __init__(self, reason: str, message: str) -> None:
        super().__init__(message)
        self.reason = reason


class PolicyError(NeonControlError):
    """A policy folder or encoder file is missing, corrupt or does not fit the robot."""


class TrainingError(NeonControlError):
    """A training run cannot go on or be taken up again; the message says where, and what was kept."""

"""No text from outside reaches a log raw: a line break in a joint's name could forge a line, an escape sequence steer a terminal.

Names in messages, parameters and files end up in errors, and errors in the log. So every text is made harmless in the one place where all
pass: the call by which every logger of rclpy writes.
"""

from __future__ import annotations

import functools
from typing import Any

from rclpy.impl import rcutils_logger

from neon_control.core.common.printable import printable


def clean_logs() -> None:
    """From now on, all loggers of this process write what can be printed, in one line. To call it twice changes nothing."""
    log = rcutils_logger.RcutilsLogger.log
    if hasattr(log, "__wrapped__"):
        return

    @functools.wraps(log)
    def clean(self: rcutils_logger.RcutilsLogger, message: str, *arguments: Any, **options: Any) -> Any:
        return log(self, printable(str(message)), *arguments, **options)

    # rclpy tells callers apart by file and line, for what is logged once or seldom; files in this list are passed over.
    rcutils_logger._internal_callers.append(__file__)
    rcutils_logger.RcutilsLogger.log = clean  # type: ignore[method-assign]

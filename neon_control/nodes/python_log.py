"""What the package says through Python's `logging`, in the log of a node; nobody sees it otherwise."""

from __future__ import annotations

import logging

from rclpy.node import Node

PACKAGE = logging.getLogger("neon_control")


class NodeLog(logging.Handler):
    """Passes messages of the package on to a node's log, from whatever thread. `close` ends it."""

    def __init__(self, node: Node) -> None:
        super().__init__(logging.INFO)
        self._log = node.get_logger()
        PACKAGE.setLevel(logging.INFO)
        PACKAGE.addHandler(self)

    def emit(self, record: logging.LogRecord) -> None:
        text = record.getMessage()
        if record.levelno >= logging.WARNING:  # two lines: rclpy refuses two severities in one
            self._log.warning(text)
        else:
            self._log.info(text)

    def close(self) -> None:
        PACKAGE.removeHandler(self)
        super().close()

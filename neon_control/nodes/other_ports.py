"""Other DDS ports than before, for a process that leaves and joins anew.

Fast DDS numbers participants, and their ports, from the lowest number that is free: who leaves and joins gets the same ones. But peers may
hold the file that the old number stood for (`lost_ports.py`), and would go on to write into it.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager

import rclpy
from rclpy.context import Context
from rclpy.node import Node
from rclpy.signals import SignalHandlerOptions


@contextmanager
def other_ports(args: Sequence[str] | None = None, domain_id: int | None = None) -> Iterator[None]:
    """Whoever joins within gets other ports than the participant of this process that left last: a hidden node has them meanwhile.

    `args` and `domain_id` as of `rclpy.init`.
    """
    context = Context()
    given = None if args is None else list(args)
    rclpy.init(args=given, context=context, domain_id=domain_id, signal_handler_options=SignalHandlerOptions.NO)
    try:
        node = Node("_ports", context=context, use_global_arguments=False, enable_rosout=False, start_parameter_services=False)
        try:
            yield
        finally:
            node.destroy_node()
    finally:
        context.try_shutdown()

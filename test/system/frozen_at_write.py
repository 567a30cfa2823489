"""An executor that freezes (SIGSTOP) just before it hands a command to the middleware, each time that it gets SIGUSR1.

python frozen_at_write.py TOPIC --ros-args ...: only commands on topics that end so.
"""

from __future__ import annotations

import signal
import sys
import threading

from rclpy.publisher import Publisher

from neon_control.nodes.executor_node import main

wanted = False


def want(*_: object) -> None:
    global wanted
    wanted = True


def publish(publisher: Publisher, message: object) -> None:
    global wanted
    if wanted and publisher.topic_name.endswith(topic):
        wanted = False
        signal.pthread_kill(threading.get_ident(), signal.SIGSTOP)  # this thread: another one would let it go on for a moment
    real(publisher, message)


topic = sys.argv.pop(1)
real, Publisher.publish = Publisher.publish, publish
signal.signal(signal.SIGUSR1, want)
sys.exit(main())

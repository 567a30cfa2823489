"""Calls and waits of other threads, and what becomes of them when the link is closed."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor

import pytest
from std_srvs.srv import Trigger

from neon_control.monitor.link import Link, LinkClosed, LinkError


def answer(request: Trigger.Request, response: Trigger.Response) -> Trigger.Response:
    response.success = True
    return response


def test_a_call_gives_the_answer_or_says_what_was_missing(ros_domain_id: int) -> None:
    with Link("judge") as link:
        link.start()
        link.node.create_service(Trigger, "present", answer)
        assert link.call(link.node.create_client(Trigger, "present"), Trigger.Request(), 20.0).success
        with pytest.raises(LinkError, match="nobody offers absent within 0 s"):
            link.call(link.node.create_client(Trigger, "absent"), Trigger.Request(), 0.2)


def test_whoever_waits_when_it_is_closed_is_told_so(ros_domain_id: int) -> None:
    with Link("judge") as link, ThreadPoolExecutor(2) as pool:
        link.start()
        absent = link.node.create_client(Trigger, "absent")
        asked = [0, 0]

        def never(waiter: int) -> bool:
            asked[waiter] += 1
            return absent.service_is_ready()  # as everything of the graph, it is gone after the close

        waits = [pool.submit(link.wait, lambda waiter=waiter: never(waiter), 60.0) for waiter in range(2)]
        assert link.wait(lambda: all(asked), 20.0)
        link.close()
        for wait in waits:
            with pytest.raises(LinkClosed):
                wait.result(5.0)
        with pytest.raises(LinkClosed):
            link.call(absent, Trigger.Request())

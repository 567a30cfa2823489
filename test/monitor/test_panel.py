"""What the page says of a policy that is told in words."""

from __future__ import annotations

from neon_control.monitor import html
from neon_control.monitor.panel import told


def test_what_the_policy_is_told_is_shown_with_what_becomes_of_it_and_never_as_html() -> None:
    assert told("", "") == told("none", "read") == ""
    shown = told("open <b>the</b> drawer", "read")
    assert "open &lt;b&gt;the&lt;/b&gt; drawer" in shown and "(read)" in shown and html.GREEN in shown
    assert html.AMBER in told("go", "ignored: the policy neither reads nor listens")

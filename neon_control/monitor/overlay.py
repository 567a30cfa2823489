"""What can be read from across the room: the executor's state, large, in the middle of the picture, and a frame in its colour.

Where the window leaves no room for it beside the panels, it stands in the panel instead.

A page whose server has died, or whose network is gone, would go on showing a green RUNNING. So the browser itself counts: all of
this is sent anew each second, and what is not replaced within `LOST_AFTER` turns grey by a CSS animation and says so.
"""

from __future__ import annotations

from collections.abc import Mapping

import viser

from neon_control.core.common.html import element, escape
from neon_control.core.control.executor import TAKEOVER
from neon_control.core.control.supervisor import FOLLOWING, State
from neon_control.monitor import html
from neon_control.monitor.link import EXECUTOR, Link
from neon_control.monitor.streams import JOINT_STATES, SILENT, Streams

NODE_SILENT = 2.5  # [s] diagnostics come once a second
LOST_AFTER = 5  # [s]
WIDE = 1300  # [pixels] of a window with room for the banner between the panels
STATE_COLOURS: dict[str, str] = {state: html.GREEN if state in FOLLOWING else html.AMBER for state in State}
STATE_COLOURS[State.ESTOPPED] = html.RED  # grey is for what nobody knows
TITLES: dict[str, str] = {State.ESTOPPED: "E-STOPPED"}  # where the state's own name reads badly
STYLE = f"""<style>
button[style*="red-filled"] {{ height: 60px !important; font-size: 26px !important; letter-spacing: 0.06em }}
button[style*="red-filled"] span {{ font-weight: 700 !important }}
img[src^="blob:"] {{ width: 100% }}
.uplot-container {{ border: none !important; margin: 0 4px !important; background: none !important }}
.nc-state {{ position: relative; margin: 6px 10px; padding: 8px 20px; border-radius: 8px; text-align: center; color: white }}
.nc-state b {{ display: block; font-size: 34px; line-height: 1.1; letter-spacing: 0.03em }}
.nc-state::after {{ content: "CONNECTION LOST"; position: absolute; inset: 0; visibility: hidden; border-radius: 8px;
  background: {html.GREY}; font-size: 30px; font-weight: 700; display: grid; place-items: center;
  animation: nc-show 0s {LOST_AFTER}s forwards }}
.nc-frame {{ position: fixed; inset: 0; z-index: 1; pointer-events: none; border: 6px solid;
  animation: nc-lost 0s {LOST_AFTER}s forwards }}
.nc-legend {{ display: none }}
@keyframes nc-show {{ to {{ visibility: visible }} }}
@keyframes nc-lost {{ to {{ border-color: {html.GREY}; background: rgba(70, 74, 80, 0.75) }} }}
@media (min-width: {WIDE}px) {{
  .nc-state, .nc-legend {{ position: fixed; left: 50%; transform: translateX(-50%); z-index: 2; pointer-events: none }}
  .nc-state {{ top: 20px; margin: 0; min-width: 400px; max-width: calc(100vw - 860px); box-shadow: 0 2px 14px rgba(0, 0, 0, 0.5) }}
  .nc-state b {{ font-size: 54px }}
  .nc-legend {{ display: block; bottom: 18px; padding: 4px 12px; border-radius: 6px; white-space: nowrap; font-size: 13px;
    color: white; background: rgba(20, 20, 20, 0.75) }}
}}
</style>"""
FROZEN = "<style>canvas[data-engine] { filter: grayscale(1) brightness(0.5) }</style>"  # the robot's picture, not the charts


class Overlay:
    """The state, the frame, and the legend: what is drawn in the picture -> its colour."""

    def __init__(self, server: viser.ViserServer, link: Link, streams: Streams, legend: Mapping[str, str]) -> None:
        self._link, self._streams = link, streams
        server.gui.add_html(STYLE)
        self._content = server.gui.add_html("")
        marks = " &nbsp; ".join(f"{html.dot(colour)}{escape(name)}" for name, colour in legend.items())
        self._legend = element("div", marks, class_="nc-legend")

    def update(self, now: float) -> None:
        """See `Part`."""
        title, text, colour = self._state(now)
        age = self._streams.age(JOINT_STATES, now)
        frozen = age > SILENT
        notes = [text] + ([f"the picture is old: {JOINT_STATES}, {html.silence(age)}"] if frozen else [])
        frame = "transparent" if colour == html.GREEN else colour
        border = element("div", "", class_="nc-frame", data_beat=f"{now:.0f}", style=f"border-color:{frame}")
        text = element("b", escape(title)) + "<br>".join(map(escape, notes))
        banner = element("div", text, class_="nc-state", style=f"background:{colour}")
        self._content.content = border + banner + self._legend + (FROZEN if frozen else "")

    def _state(self, now: float) -> tuple[str, str, str]:
        """Title, text, colour."""
        status = self._link.statuses.get(EXECUTOR)
        if status is None:
            return "NO EXECUTOR", f"{EXECUTOR}: no data yet", html.GREY
        age = now - status.received
        state = status.values.get("state", "?")
        if age > NODE_SILENT:
            return f"NO DATA FOR {age:.0f} s", f"{EXECUTOR} was {state} when it was last heard", html.GREY
        if status.values.get("commander") == TAKEOVER:
            return "TAKEN OVER", status.message, html.BLUE
        return TITLES.get(state, state.upper()), status.message, STATE_COLOURS.get(state, html.GREY)

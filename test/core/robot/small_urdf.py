"""URDFs of a few lines, for tests: a joint is `name`, or `name` with what it hangs on, its kind and its limits.

    small_urdf(folder, "pan", "lift prismatic 0..0.4", "finger > lift", "thumb > lift mimic finger")

A joint hangs on the one before it; with `> OTHER` on that joint, and with `>` alone on the root. The link that it moves is called after it.
"""

from __future__ import annotations

import re
from pathlib import Path

PATTERN = re.compile(
    r"(?P<name>\S+)(?P<on> >(?: (?!revolute|continuous|prismatic|fixed|floating|mimic|y |-?[\d.]+\.\.)(?P<above>\S+))?)?"
    r"(?: (?P<kind>revolute|continuous|prismatic|fixed|floating))?(?: (?P<lower>-?[\d.]+)\.\.(?P<upper>-?[\d.]+))?"
    r"(?: at (?P<velocity>[\d.]+))?(?: mimic (?P<source>\S+))?(?: y (?P<y>-?[\d.]+))?(?: moves (?P<link>\S+))?"
)


def small_urdf(folder: Path, *joints: str, name: str = "small", more: str = "") -> Path:
    """The file; `more`: elements after the joints."""
    links, elements, last, link_of = ["base"], [], "base", {}
    for text in joints:
        found = PATTERN.fullmatch(text)
        assert found, text
        parent = (link_of[found["above"]] if found["above"] else "base") if found["on"] else last
        kind = found["kind"] or "revolute"
        last = link_of[found["name"]] = found["link"] or f"{found['name']}_body"
        links.append(last)
        ends = "" if kind == "continuous" else f'lower="{found["lower"] or -2}" upper="{found["upper"] or 2}"'
        limit = "" if kind in ("fixed", "floating") else f'<limit {ends} velocity="{found["velocity"] or 2.5}" effort="1"/>'
        mimic = f'<mimic joint="{found["source"]}"/>' if found["source"] else ""
        origin = f'<origin xyz="0 {found["y"] or 0} 0.1"/>'
        elements.append(
            f'<joint name="{found["name"]}" type="{kind}">{origin}<parent link="{parent}"/><child link="{last}"/>'
            f'<axis xyz="0 1 0"/>{limit}{mimic}</joint>'
        )
    file = folder / f"{name}.urdf"
    file.write_text(f'<robot name="{name}">{"".join(f"""<link name="{link}"/>""" for link in links)}{"".join(elements)}{more}</robot>')
    return file


def arm(prefix: str = "", on: str = ">") -> list[str]:
    """A serial arm of six joints that say what they are."""
    names = ("shoulder_pan", "shoulder_lift", "elbow", "wrist_1", "wrist_2", "wrist_3")
    return [f"{prefix}{name}{f' {on}' * (i == 0)}" for i, name in enumerate(names)]

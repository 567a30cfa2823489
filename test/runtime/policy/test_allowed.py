"""Which policies whoever is on the network may ask for."""

from __future__ import annotations

from pathlib import Path

import pytest
import yaml

from neon_control.core.common.errors import PolicyError
from neon_control.core.common.paths import find_file
from neon_control.runtime.policy.allowed import check_allowed
from neon_control.runtime.policy.policy_file import DESCRIPTION_FILE, SHIPPED


def write(folder: Path, **vision: str) -> str:
    folder.mkdir(parents=True)
    (folder / DESCRIPTION_FILE).write_text(yaml.safe_dump({"vision": vision}))
    return str(folder)


def test_only_what_lies_below_the_root_is_allowed_links_followed(tmp_path: Path) -> None:
    inside, outside = write(tmp_path / "root" / "a"), write(tmp_path / "root_of_evil" / "a")
    (tmp_path / "root" / "link").symlink_to(outside)
    root = str(tmp_path / "root")
    check_allowed(inside, root, hub=False)
    for name in (outside, f"{root}/link", f"{root}/../root_of_evil/a", "g1_reach"):
        with pytest.raises(PolicyError, match=f"`policy_root` allows only what is below {root}"):
            check_allowed(name, root, hub=False)
        check_allowed(name, "", hub=False)
    check_allowed("g1_reach", str(find_file(SHIPPED)), hub=False)
    with pytest.raises(PolicyError, match="no such policy"):
        check_allowed("nosuch", "", hub=True)


def test_nothing_comes_from_the_hub_unless_that_is_allowed(tmp_path: Path) -> None:
    (tmp_path / "model").mkdir()
    for name in ("owner/policy", "owner/policy@main", write(tmp_path / "a", model="owner/model")):
        with pytest.raises(PolicyError, match="the Hugging Face hub; while the node runs, `policy_from_hub` is off"):
            check_allowed(name, "", hub=False)
        check_allowed(name, "", hub=True)
    check_allowed(write(tmp_path / "b", model="../model"), "", hub=False)
    check_allowed(write(tmp_path / "c"), "", hub=False)

"""Which policies may be asked for while the node runs: whoever is on the network can set the parameter `policy`."""

from __future__ import annotations

from pathlib import Path

from neon_control.core.common.errors import ConfigError, PolicyError
from neon_control.core.common.yaml_file import read_mapping
from neon_control.runtime.policy.policy_file import DESCRIPTION_FILE, find_local_policy


def check_allowed(name: str, root: str, hub: bool) -> None:
    """Refuse a policy from elsewhere.

    Args:
        name: a folder, the name of a shipped policy, or a repository of the Hugging Face hub.
        root: the folder below which policies have to lie, links followed; empty: anywhere.
        hub: whether repositories are allowed, and policies whose backbone would come from one.

    Raises:
        PolicyError: it lies elsewhere, or comes from the hub.
    """
    folder = find_local_policy(name)
    if folder is None:
        if not hub:
            raise PolicyError(f"policy {name} would come from the Hugging Face hub; while the node runs, `policy_from_hub` is off")
        return
    if root and not folder.is_relative_to(below := Path(root).expanduser().resolve()):
        raise PolicyError(f"policy {name} lies in {folder}; while the node runs, `policy_root` allows only what is below {below}")
    if not hub and (model := _model(folder)) and not (folder / Path(model).expanduser()).is_dir():
        raise PolicyError(f"policy {name} needs the model {model} from the Hugging Face hub; while the node runs, `policy_from_hub` is off")


def _model(folder: Path) -> str:
    """What a policy's description names as its backbone's model; empty where it has none, or is none: loading says more."""
    try:
        vision = read_mapping(folder / DESCRIPTION_FILE).get("vision")
    except ConfigError:
        return ""
    return str(vision.get("model") or "") if isinstance(vision, dict) else ""

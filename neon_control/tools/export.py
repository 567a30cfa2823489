"""`neon_control export`: a policy once more, with its weights stored in another type, and what that costs and gains."""

from __future__ import annotations

import argparse
from collections.abc import Mapping
from pathlib import Path

import numpy as np
import onnxruntime
from tqdm import tqdm

from neon_control.bench.measure import ActionError, Latency, in_turns, policy_inputs, torch_actions
from neon_control.core.common.errors import PolicyError
from neon_control.core.common.text_table import table
from neon_control.runtime.compute.sessions import open_session
from neon_control.runtime.export.graph_weights import WEIGHT_TYPES
from neon_control.runtime.export.policy_export import export_again
from neon_control.runtime.policy.policy import draw_noise
from neon_control.runtime.policy.policy_file import DESCRIPTION_FILE, input_type, read_policy_file
from neon_control.runtime.policy.torch_action_layer import rebuild_policy
from neon_control.tools.arguments import add_plugins, whole

COLUMNS = ("Folder", "Weights", "Size [MB]", "Max error [rad]", "Mean error [rad]", "Base, max", "Latency p50 / p99 [ms]")
HELP = """\
how the matrices are stored (default: %(default)s).
float32: as trained. float16: half the file, the same speed, since they are widened once when the policy is loaded.
int8: a quarter of float32, and faster where memory is slow; inputs are rounded too, so look at the error in the table"""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("policy", metavar="POLICY", help="a folder, the name of a shipped policy, or a Hugging Face repository")
    parser.add_argument("--out", type=Path, required=True, help="the folder to make; its name is the new policy's name")
    parser.add_argument("--weights", choices=WEIGHT_TYPES, default="float32", help=HELP)
    text = "let draws start from what is under way; for a policy that draws and was trained without a prefix (docs/delay.md)"
    parser.add_argument("--forward-only", action="store_true", help=text)
    parser.add_argument("--force", action="store_true", help="replace the folder if it is a policy already")
    parser.add_argument("--samples", type=whole(1), default=200, help="random inputs to compare and to time on (default: %(default)s)")
    add_plugins(parser)
    parser.add_argument("--threads", type=whole(1), default=1, help="threads of one inference (default: %(default)s)")


def run(args: argparse.Namespace) -> int:
    if args.out.exists() and not (args.force and (args.out / DESCRIPTION_FILE).is_file()):
        raise PolicyError(f"{args.out} exists; choose another --out" + ("" if args.force else ", or --force to replace a policy"))
    source = read_policy_file(args.policy)
    module = rebuild_policy(source)
    export_again(source, args.out, args.weights, args.forward_only)
    files = (source, read_policy_file(args.out))  # reading verifies the hashes
    inputs = list(policy_inputs(module, draw_noise(source), args.samples))
    sessions = [open_session(file.onnx_path, args.threads) for file in files]
    given = [[{**_nothing_under_way(session, x), **x} for x in inputs] for session in sessions]
    expected = torch_actions(module, inputs)
    calls = {i: lambda s=session, x=given[i][0]: s.run(None, x) for i, session in enumerate(sessions)}
    durations = in_turns(calls, tqdm(inputs, "measuring", unit="run", leave=False, disable=None))
    rows = []
    for i, (file, session) in enumerate(zip(files, sessions, strict=True)):
        error = ActionError.between(np.concatenate([session.run(None, x)[0] for x in given[i]]), expected, file.space)
        size = sum((file.folder / name).stat().st_size for name in file.files)
        numbers = (f"{error.joints_max:.2g}", f"{error.joints_mean:.2g}", f"{error.base_max:.2g}", str(Latency.of(durations[i])))
        rows.append((str(file.folder), file.weights, f"{size / 1e6:.2f}", *numbers))
    print(table(COLUMNS, rows, numeric=range(2, len(COLUMNS))))
    print(
        f"\nErrors: against the source's weights in torch, float32, over {args.samples} random inputs of the training data's spread; "
        f"base in m/s and rad/s.\nLatency: the action layer at batch 1, {args.threads} thread(s), in turns."
    )
    return 0


def _nothing_under_way(session: onnxruntime.InferenceSession, given: Mapping[str, np.ndarray]) -> dict[str, np.ndarray]:
    """Zeros for those inputs of a graph that its source does not have: a prefix of no steps."""
    more = {v.name: (1, *v.shape[1:]) for v in session.get_inputs() if v.name not in given}
    return {name: np.zeros(shape, input_type(name)) for name, shape in more.items()}

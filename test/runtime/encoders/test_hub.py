"""Policies from a Hugging Face repository; a local server stands in for the hub, the client is the real one."""

from __future__ import annotations

import hashlib
import json
import os
import subprocess
import sys
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from neon_control.runtime.encoders.hub import is_repository

COMMIT = "0123456789abcdef0123456789abcdef01234567"
CONTENT = {
    "policy.yaml": b"format_version: 99\n",
    "action_layer.onnx": b"graph",
    "action_layer.safetensors": b"weights",
    "evil.py": b"print('run me')",
    "weights.pkl": b"pickle",
}
DATASET = {
    "meta/info.json": b"{}",
    "data/chunk-000/file-000.parquet": b"rows",
    "videos/front/chunk-000/file-000.mp4": b"film",
    "run.py": b"1",
}


def answer(path: str, kind: str, name: str, files: dict[str, bytes], place: str = "") -> tuple[bytes, str] | None:
    """Data and content type of what the hub has of one repository at a path; None: it is of another one, or not there."""
    if path.startswith(f"/api/{kind}/{name}/revision/"):
        siblings = [{"rfilename": n, "size": len(data)} for n, data in files.items()]
        return json.dumps({"id": name, "sha": COMMIT, "siblings": siblings}).encode(), "application/json"
    if path.startswith(f"/api/{kind}/{name}/tree/"):
        tree = [{"type": "file", "path": n, "size": len(d), "oid": hashlib.sha1(d).hexdigest()} for n, d in files.items()]
        return json.dumps(tree).encode(), "application/json"
    resolved = path.removeprefix(f"{place}/{name}/resolve/")
    file = resolved.partition("/")[2]  # after the revision
    return (files[file], "application/octet-stream") if resolved != path and file in files else None


class _Hub(BaseHTTPRequestHandler):
    """Just enough of the hub's API to download a snapshot of `someone/reach`."""

    asked: list[str]

    def do_GET(self) -> None:
        self._answer(body=True)

    def do_HEAD(self) -> None:
        self._answer(body=False)

    def _answer(self, body: bool) -> None:
        path = self.path.split("?")[0]
        type(self).asked.append(path)
        found = answer(path, "models", "someone/reach", CONTENT) or answer(path, "datasets", "someone/set", DATASET, "/datasets")
        if found is not None:
            self._send(found[0], body, found[1])
        else:
            self.send_response(404)
            self.send_header("X-Error-Code", "RepoNotFound")
            self.send_header("Content-Length", "0")
            self.end_headers()

    def _send(self, data: bytes, body: bool, kind: str) -> None:
        self.send_response(200)
        self.send_header("Content-Type", kind)
        self.send_header("Content-Length", str(len(data)))
        self.send_header("ETag", f'"{hashlib.sha256(data).hexdigest()}"')
        self.send_header("X-Repo-Commit", COMMIT)
        self.end_headers()
        if body:
            self.wfile.write(data)

    def log_message(self, *_: object) -> None:
        """Say nothing."""


@pytest.fixture
def hub(tmp_path: Path) -> Iterator[dict[str, str]]:
    """The environment of a client of the local hub."""
    _Hub.asked = []
    server = ThreadingHTTPServer(("127.0.0.1", 0), _Hub)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield {
        **os.environ,
        "HF_ENDPOINT": f"http://127.0.0.1:{server.server_port}",
        "HF_HOME": str(tmp_path / "hub"),
        "HF_HUB_DISABLE_XET": "1",
        "NO_PROXY": "127.0.0.1",
        "PYTHONPATH": os.pathsep.join(sys.path),
    }
    server.shutdown()
    server.server_close()


def _find(name: str, environment: dict[str, str]) -> subprocess.CompletedProcess[str]:
    code = f"from neon_control.runtime.policy.policy_file import find_policy; print(find_policy({name!r}))"
    return subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, env=environment, cwd="/")


def test_a_repository_is_fetched_once_and_without_code_or_pickle(hub: dict[str, str]) -> None:
    result = _find("someone/reach", hub)
    assert result.returncode == 0, result.stderr
    folder = Path(result.stdout.strip().splitlines()[-1])
    assert sorted(f.name for f in folder.iterdir()) == ["action_layer.onnx", "action_layer.safetensors", "policy.yaml"]
    assert not any(name in path for path in _Hub.asked for name in ("evil.py", "weights.pkl"))
    offline = _find("someone/reach", {**hub, "HF_HUB_OFFLINE": "1"})
    assert offline.stdout.strip().endswith(str(folder)), offline.stderr


def test_a_repository_that_is_not_there_is_a_policy_error(hub: dict[str, str]) -> None:
    result = _find("someone/else", hub)
    assert "PolicyError: cannot get the policy someone/else from the Hugging Face hub" in result.stderr


def test_a_dataset_is_fetched_with_its_folders_and_no_code(hub: dict[str, str]) -> None:
    program = "from neon_control.runtime.encoders.hub import download; print(download('dataset', 'someone/set'))"
    result = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, env=hub, cwd="/")
    assert result.returncode == 0, result.stderr
    folder = Path(result.stdout.strip().splitlines()[-1])
    assert sorted(str(f.relative_to(folder)) for f in folder.rglob("*") if f.is_file()) == sorted(set(DATASET) - {"run.py"})


@pytest.mark.parametrize("code", [False, True])
def test_a_backbones_code_is_fetched_only_when_it_may_run(code: bool, hub: dict[str, str]) -> None:
    program = f"from neon_control.runtime.encoders.hub import download; print(download('model', 'someone/reach@{COMMIT}', code={code}))"
    result = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, env=hub, cwd="/")
    assert result.returncode == 0, result.stderr
    folder = Path(result.stdout.strip().splitlines()[-1])
    assert sorted(f.name for f in folder.iterdir()) == ["action_layer.safetensors", *(["evil.py"] if code else [])]


@pytest.mark.parametrize("name", ["someone/reach", "someone/reach@v1.0", f"some.one/re-ach_2@{COMMIT}"])
def test_owner_and_name_is_a_repository(name: str) -> None:
    assert is_repository(name)


@pytest.mark.parametrize("name", ["g1_reach", "/abs/path", "../up", "a/b/c", "~/policies", ""])
def test_a_path_is_none(name: str) -> None:
    assert not is_repository(name)

"""ZeroGPU as `spaces` sees it: the real package, and a device service on loopback that has no GPU left to lend."""

import json
import shutil
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest
from conftest import ROOT, running_app
from gradio_client import Client

from therapist import devices
from therapist.conversation import CHAT_TEMPLATE
from therapist.generators import EMBEDDED_FOLDER
from therapist.settings import on_zero_gpu


class DeviceService(BaseHTTPRequestHandler):
    """Accepts the report at the start, and answers every wish for a GPU with a spent quota."""

    wishes: list[str]

    def do_POST(self) -> None:
        self.wishes.append(self.path.partition("?")[0])
        spent = self.path.startswith("/schedule")
        body = json.dumps({"left": 0, "wait": 3600} if spent else {}).encode()
        self.send_response(429 if spent else 200)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_: object) -> None:
        pass


@pytest.fixture
def zero_gpu(monkeypatch, tmp_path) -> Iterator[list[str]]:
    """The variables of a ZeroGPU Space; what is wished for there."""
    pytest.importorskip("spaces")
    handler = type("Wishes", (DeviceService,), {"wishes": []})
    with ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        monkeypatch.setenv("SPACES_ZERO_GPU", "true")
        monkeypatch.setenv("SPACES_ZERO_DEVICE_API_URL", f"http://127.0.0.1:{server.server_address[1]}")
        monkeypatch.setenv("ZEROGPU_OFFLOAD_DIR", str(tmp_path / "offload"))
        (tmp_path / "cgroup").write_text("0::/a/b\n", encoding="utf-8")
        monkeypatch.setenv("ZEROGPU_PROC_SELF_CGROUP_PATH", str(tmp_path / "cgroup"))
        yield handler.wishes
        server.shutdown()


CUDA = f"""import runpy, sys
import torch
if torch.version.cuda is None:  # a build for processors lacks three names at which spaces looks
    torch.version.cuda, torch._C._cuda_init, torch.cuda._is_in_bad_fork = "12.8", lambda: None, bool
sys.path[0] = {str(ROOT)!r}
runpy.run_path({str(ROOT / "app.py")!r}, run_name="__main__")
"""


OTHER_TEMPLATE = CHAT_TEMPLATE + " "
"Of a model of others, which transformers runs: the fast path asks for no GPU."


def test_a_spent_quota_costs_drafts_and_nothing_else(zero_gpu, tmp_path):
    shutil.copytree(EMBEDDED_FOLDER, tmp_path / "mine")
    (tmp_path / "mine/chat_template.jinja").write_text(OTHER_TEMPLATE, encoding="utf-8")
    (tmp_path / "app.py").write_text(CUDA, encoding="utf-8")
    with running_app(tmp_path / "log", "--model", str(tmp_path / "mine"), ready=True, folder=tmp_path) as url:
        assert zero_gpu == ["/startup-report"], "ZeroGPU ends an app that does not report a function for its GPU"
        client = Client(url, verbose=False)
        assert client.predict("I want to kill myself.", api_name="/chat")["route"] == "crisis"
        assert client.predict("I can't stop drinking.", country="NG", api_name="/refer")["helplines"]
        assert client.predict("I feel lonely.", ["You feel lonely."], api_name="/rank")["candidates"]
        assert zero_gpu == ["/startup-report"], "risk, referral and ranking ask for no GPU"
        reply = client.predict("My sister stopped calling me.", api_name="/respond")
        assert (reply["route"], reply["candidates"]) == ("referral", [])
        assert zero_gpu[1:] == ["/schedule"], "drafting does"


def test_elsewhere_a_task_is_left_as_it_is():
    assert devices.lent(print, 5) is print
    assert not on_zero_gpu({}) and on_zero_gpu({"SPACES_ZERO_GPU": "true"})

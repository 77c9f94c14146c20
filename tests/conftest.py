"""What tests share: the real library, the real page in a process of its own, and a real browser."""

import json
import os
import shutil
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import httpx
import pytest

ROOT = Path(__file__).parents[1]
BROWSER_FLAGS = [
    "--no-sandbox", "--disable-background-networking", "--disable-component-update", "--disable-sync",
    "--disable-default-apps", "--no-first-run", "--disable-features=OptimizationHints,MediaRouter,Translate",
]  # fmt: skip
PHONE = {"viewport": {"width": 390, "height": 844}, "locale": "en-GB", "timezone_id": "Europe/London"}


@pytest.fixture(scope="session")
def root() -> Path:
    return ROOT


@pytest.fixture(scope="session")
def therapist():
    """The library with its real models, loaded once."""
    from therapist import Settings, Therapist

    loaded = Therapist(Settings(timeout_s=120))
    loaded.load()
    assert not loaded.limited, loaded.limited
    return loaded


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


@contextmanager
def running_app(log: Path, *arguments: str, ready: bool, port: int = 0, folder: Path = ROOT) -> Iterator[str]:
    """The page as `python app.py` serves it; its address."""
    url = f"http://127.0.0.1:{(port := port or free_port())}"
    environment = {k: v for k, v in os.environ.items() if not k.startswith(("THERAPIST_", "GRADIO_", "PYTHONPATH"))}
    with log.open("wb") as out:
        command = [sys.executable, "app.py", "--port", str(port), *arguments]
        app = subprocess.Popen(command, cwd=folder, env=environment, stdout=out, stderr=subprocess.STDOUT)
        try:
            await_health(app, url, log, ready)
            yield url
        finally:
            app.terminate()
            app.wait(20)


def await_health(app: subprocess.Popen, url: str, log: Path, ready: bool, seconds: float = 280) -> None:
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        assert app.poll() is None, log.read_text(encoding="utf-8")[-3000:]
        try:
            health = httpx.get(f"{url}/healthz").json()
            if "ready" in health and (health["ready"] or not ready):
                return
        except (httpx.HTTPError, ValueError):
            pass
        time.sleep(0.1)
    raise AssertionError(f"{url} was not ready after {seconds:.0f} s:\n{log.read_text(encoding='utf-8')[-3000:]}")


@pytest.fixture(scope="session")
def app_log(tmp_path_factory) -> Path:
    return tmp_path_factory.mktemp("app") / "log"


@pytest.fixture(scope="session")
def app_url(app_log) -> Iterator[str]:
    """The page with its models loaded."""
    with running_app(app_log, "--mcp", ready=True) as url:
        yield url


@dataclass
class Drafted:
    """A page that drafts with a model server of known words."""

    url: str
    statement: str
    "Two of the drafts are good replies to this one."
    replies: list[str]
    hopeless: str = "My landlord sold the house and I have to be out by March."
    "To this one the server only greets, so the person is referred."
    asked: list[list[dict]] = field(default_factory=list)
    "The messages of each request."


@contextmanager
def model_server(drafts: Callable[[dict], list[str]]) -> Iterator[str]:
    """The address of an OpenAI-compatible server on loopback that answers each request with what `drafts` makes of it."""

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            texts = drafts(json.loads(self.rfile.read(int(self.headers["Content-Length"]))))
            body = json.dumps({"choices": [{"message": {"role": "assistant", "content": t}} for t in texts]}).encode()
            self.send_response(200)
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_: object) -> None:
            pass

    class Server(ThreadingHTTPServer):
        request_queue_size = 128

    server = Server(("127.0.0.1", 0), Handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    try:
        yield f"http://127.0.0.1:{server.server_port}/v1"
    finally:
        server.shutdown()


@pytest.fixture(scope="session")
def drafted(therapist, tmp_path_factory) -> Iterator[Drafted]:
    lines = (ROOT / "therapist/data/reranker/bank.jsonl").read_text("utf-8").splitlines()
    bank = (json.loads(line) for line in lines)
    found = (
        e
        for e in bank
        if len(e["reflections"]) >= 2 and all(c.qualifies for c in therapist.rank(e["statement"], e["reflections"][:2]))
    )
    entry = next(e for e in found if therapist.assess(e["statement"]).level == "none")
    known = Drafted("", entry["statement"], entry["reflections"][:2])

    def drafts(asked: dict) -> list[str]:
        known.asked.append(asked["messages"])
        hopeless = asked["messages"][-1]["content"] == known.hopeless
        return ["Hi there."] if hopeless else [*known.replies, "Hi there."]

    folder = tmp_path_factory.mktemp("drafted")
    with model_server(drafts) as base, running_app(folder / "log", "--base-url", base, "--n", "3", ready=True) as url:
        known.url = url
        yield known


@pytest.fixture(scope="module")
def browser():
    """A Chromium of a file of tests: while it runs, its event loop keeps others in this thread from running theirs."""
    playwright = pytest.importorskip("playwright.sync_api")
    chromium = os.environ.get("CHROMIUM") or shutil.which("chromium") or shutil.which("chromium-browser")
    if not chromium:
        pytest.skip("There is no Chromium: install it, or name it in the variable CHROMIUM.")
    with playwright.sync_playwright() as p:
        launched = p.chromium.launch(executable_path=chromium, args=BROWSER_FLAGS)
        yield launched
        launched.close()


class Visit:
    """A phone with the page open, and every request that it made."""

    def __init__(self, browser, url: str, **options) -> None:
        self.context = browser.new_context(**{**PHONE, **options})
        self.page, self.requests, self.url = self.context.new_page(), [], url
        self.page.on("request", lambda request: self.requests.append(request.url))
        self.page.on("websocket", lambda socket: self.requests.append(socket.url))
        self.page.goto(url)

    def begin(self) -> "Visit":
        self.page.get_by_role("button", name="I am 18 or older").click()
        self.page.get_by_role("textbox", name="Your message").wait_for()
        return self

    def say(self, text: str) -> None:
        field = self.page.get_by_role("textbox", name="Your message")
        field.fill(text)
        field.press("Enter")

    def answer(self, number: int = 1) -> str:
        """The answer with this number, once it is complete: the evidence comes with its last word."""
        self.page.wait_for_function(
            "n => document.querySelectorAll('#talk [data-testid=bot]').length >= n && document.querySelector('.q-why')"
            " && !document.body.classList.contains('q-busy')",
            arg=number, timeout=60_000,
        )  # fmt: skip
        return self.page.get_by_test_id("bot").nth(number - 1).inner_text().strip()


@pytest.fixture
def visit(browser, app_url) -> Iterator[Visit]:
    opened = Visit(browser, app_url)
    yield opened
    opened.context.close()

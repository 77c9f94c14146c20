"""More than one process: real model servers for the drafting, and replicas of the app behind nginx, all on loopback."""

import json
import os
import shutil
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import httpx
import pytest
from conftest import ROOT, Visit, await_health, free_port

from therapist import Settings, Therapist
from therapist.conversation import assistant, user
from therapist.generators import EMBEDDED_FOLDER, EndpointGenerator
from therapist.page import NOTICE_VERSION

STATEMENT = "I lost my job on Friday and I have not told my wife."


@contextmanager
def serving(log: Path, probe: str, *command: str) -> Iterator[str]:
    """A model server once it answers; its address."""
    url = f"http://127.0.0.1:{(port := free_port())}"
    environment = {**os.environ, "HF_HUB_OFFLINE": "1"}
    with log.open("wb") as out:
        server = subprocess.Popen(
            [*command, "--host", "127.0.0.1", "--port", str(port)], env=environment, stdout=out, stderr=out
        )
        try:
            end = time.monotonic() + 280
            while time.monotonic() < end:
                assert server.poll() is None, log.read_text(encoding="utf-8")[-3000:]
                try:
                    if httpx.get(url + probe, timeout=5).status_code == 200:
                        break
                except httpx.HTTPError:
                    time.sleep(0.2)
            else:
                raise AssertionError(log.read_text(encoding="utf-8")[-3000:])
            yield url
        finally:
            server.terminate()
            server.wait(20)


@pytest.fixture(scope="module")
def transformers_serve(tmp_path_factory) -> Iterator[str]:
    """Our own weights, run by `transformers serve`, which ignores n."""
    log = tmp_path_factory.mktemp("serve") / "log"
    program = str(Path(sys.executable).with_name("transformers"))
    with serving(log, "/health", program, "serve", str(EMBEDDED_FOLDER), "--device", "cpu") as url:
        yield url


@pytest.fixture(scope="module")
def llama_server(tmp_path_factory) -> Iterator[str]:
    """A tiny Llama made here, run by llama.cpp's server."""
    folder = tmp_path_factory.mktemp("llama")
    write_llama(folder / "tiny.gguf")
    command = sys.executable, str(Path(__file__).with_name("llama_cpp_server.py")), "--model", str(folder / "tiny.gguf")
    with serving(folder / "log", "/v1/models", *command) as url:
        yield url


def write_llama(path: Path, width: int = 32, layers: int = 2) -> None:
    """A Llama with random weights and bytes for a vocabulary: it babbles, but it is a model in llama.cpp's own format."""
    import gguf
    import numpy as np

    pieces = ["<unk>", "<s>", "</s>", *(f"<0x{byte:02X}>" for byte in range(256))]
    file, random = gguf.GGUFWriter(path, "llama"), np.random.default_rng(0)
    file.add_context_length(2048)
    file.add_embedding_length(width)
    file.add_block_count(layers)
    file.add_feed_forward_length(2 * width)
    file.add_head_count(2)
    file.add_layer_norm_rms_eps(1e-5)
    file.add_tokenizer_model("llama")
    file.add_token_list(pieces)
    file.add_token_scores([0.0] * len(pieces))
    file.add_token_types([2, 3, 3, *[6] * 256])
    file.add_chat_template("{% for m in messages %}{{ m['role'] }}: {{ m['content'] }}\n{% endfor %}assistant: ")
    shapes = {"token_embd": (len(pieces), width), "output": (len(pieces), width), "output_norm": (width,)}
    for block in (f"blk.{i}." for i in range(layers)):
        shapes |= {block + name: (width,) for name in ("attn_norm", "ffn_norm")}
        shapes |= {block + name: (width, width) for name in ("attn_q", "attn_k", "attn_v", "attn_output")}
        shapes |= {block + "ffn_gate": (2 * width, width), block + "ffn_up": (2 * width, width), block + "ffn_down": (width, 2 * width)}  # fmt: skip
    for name, shape in shapes.items():
        values = np.ones(shape) if len(shape) == 1 else random.standard_normal(shape) * 0.3
        file.add_tensor(f"{name}.weight", values.astype(np.float32))
    file.write_header_to_file()
    file.write_kv_data_to_file()
    file.write_tensors_to_file()
    file.close()


def test_transformers_serve_drafts_n_replies_with_our_own_weights(transformers_serve):
    generator = EndpointGenerator(Settings(base_url=transformers_serve, model=str(EMBEDDED_FOLDER), timeout_s=120))
    texts = generator.generate([user(STATEMENT)], 3, seed=1)
    assert len(texts) == 3 and len(set(texts)) > 1
    assert sum(t.endswith((".", "?", "!")) for t in texts) >= 2, "the weights end their replies there as they do here"
    assert generator.generate([user(STATEMENT)], 1, seed=5) == generator.generate([user(STATEMENT)], 1, seed=5)


@pytest.fixture(scope="module")
def layout(transformers_serve, tmp_path_factory) -> Iterator["Layout"]:
    """nginx by space/nginx.conf, two replicas behind it, and a model server behind those."""
    folder = tmp_path_factory.mktemp("layout")
    options = "--base-url", transformers_serve, "--model", str(EMBEDDED_FOLDER), "--timeout-s", "120", "--n", "2"
    with ExitStack() as stack:
        replicas = [stack.enter_context(replica(folder / f"log{i}", *options)) for i in range(2)]
        for one in replicas:
            await_health(one.process, one.url, one.log, ready=True)
        ports = [int(one.url.rpartition(":")[2]) for one in replicas]
        yield Layout(stack.enter_context(balanced(folder, *ports)), replicas)


@contextmanager
def balanced(folder: Path, *ports: int) -> Iterator[str]:
    """nginx by space/nginx.conf in front of two ports; its address."""
    if not (nginx := shutil.which("nginx") or shutil.which("nginx", path="/usr/sbin")):
        pytest.skip("There is no nginx: apt-get install nginx-light")
    text, own = (ROOT / "space/nginx.conf").read_text(encoding="utf-8"), free_port()
    for given, port in zip((8080, 7861, 7862), (own, *ports), strict=True):
        assert text.count(f"127.0.0.1:{given}") == 1
        text = text.replace(f"127.0.0.1:{given}", f"127.0.0.1:{port}")
    (folder / "nginx.conf").write_text(text, encoding="utf-8")
    process = subprocess.Popen([nginx, "-p", str(folder), "-c", str(folder / "nginx.conf")])
    try:
        while process.poll() is None:
            with suppress(OSError), socket.create_connection(("127.0.0.1", own)):
                break
            time.sleep(0.05)
        yield f"http://127.0.0.1:{own}"
    finally:
        process.terminate()
        process.wait(20)


class Stub(BaseHTTPRequestHandler):
    """Says on which port it stands."""

    def do_POST(self) -> None:
        self.rfile.read(int(self.headers["Content-Length"]))
        self.send_response(200)
        self.end_headers()
        self.wfile.write(str(self.server.server_address[1]).encode())

    def log_message(self, *_: object) -> None:
        pass


def test_a_visitor_meets_one_replica_until_it_dies_and_no_word_reaches_a_file(tmp_path):
    servers = [ThreadingHTTPServer(("127.0.0.1", 0), Stub) for _ in range(2)]
    for server in servers:
        threading.Thread(target=server.serve_forever, daemon=True).start()
    addresses = [f"127.0.0.{i}" for i in range(1, 17)]
    with balanced(tmp_path, *(server.server_address[1] for server in servers)) as url:

        def met() -> list[str]:
            return [visitor(a).post(url, content=b"a word " * 80_000).text for a in addresses]

        first = met()
        assert met() == first and set(first) == {str(server.server_address[1]) for server in servers}
        servers[0].shutdown()
        servers[0].server_close()
        assert set(met()) == {str(servers[1].server_address[1])}
        assert {p.name for p in tmp_path.rglob("*") if p.is_file()} == {"nginx.conf", "nginx.pid"}
    servers[1].shutdown()
    servers[1].server_close()


@dataclass
class Replica:
    url: str
    process: subprocess.Popen
    log: Path


@dataclass
class Layout:
    url: str
    replicas: list[Replica]

    def behind(self, address: str) -> str:
        """The replica that a person at this address of loopback meets, by its own name for itself."""
        return visitor(address).get(f"{self.url}/gradio_api/app_id").json()["app_id"]

    def call(self, address: str, body: dict) -> dict:
        """A reply, asked for in one request and fetched in another, as every client does it."""
        http = visitor(address)
        event = http.post(f"{self.url}/gradio_api/call/v2/chat", json=body).json()["event_id"]
        lines = http.get(f"{self.url}/gradio_api/call/v2/chat/{event}").text.strip().splitlines()
        assert "event: complete" in lines, lines
        return json.loads(lines[-1].removeprefix("data: "))[0]


@contextmanager
def replica(log: Path, *options: str) -> Iterator[Replica]:
    """One replica that has begun to start."""
    port = free_port()
    with log.open("wb") as out:
        command = [sys.executable, "app.py", "--port", str(port), *options]
        process = subprocess.Popen(command, cwd=ROOT, stdout=out, stderr=out)
        try:
            yield Replica(f"http://127.0.0.1:{port}", process, log)
        finally:
            process.kill()
            process.wait(20)


def visitor(address: str) -> httpx.Client:
    return httpx.Client(transport=httpx.HTTPTransport(local_address=address), timeout=200)


def served(url: str) -> str:
    """The page; its words arrive inside Gradio's settings, where a quotation mark has a stroke before it."""
    return httpx.get(url, timeout=60).text.replace('\\"', '"')


def test_the_page_says_that_words_go_to_the_server_that_the_operator_names(layout):
    page = served(layout.url)
    assert "Your words go to another server" in page and "goes to nobody else" not in page
    assert "Nobody reads along" not in page and f'"version":"{NOTICE_VERSION}-remote"' in page


def test_a_talk_goes_on_when_the_replica_that_held_it_dies(layout, browser):
    addresses = [f"127.0.0.{i}" for i in range(1, 17)]
    before = {address: layout.behind(address) for address in addresses}
    assert len(set(before.values())) == 2, "both replicas are at work"
    told = [user(STATEMENT), assistant(layout.call("127.0.0.2", {"message": STATEMENT})["text"])]
    talk = Visit(browser, layout.url).begin()
    talk.say("I want to kill myself.")
    assert "Samaritans" in talk.answer(1)

    ids = {httpx.get(f"{one.url}/gradio_api/app_id").json()["app_id"]: one for one in layout.replicas}
    ids[before["127.0.0.1"]].process.kill()

    assert {layout.behind(address) for address in addresses} == set(before.values()) - {before["127.0.0.1"]}
    for address in addresses[:4]:
        assert layout.call(address, {"message": "I dread Monday.", "history": told})["text"]
    talk.say("I am still here and I can't stop crying.")
    assert talk.answer(2)
    assert talk.page.locator("#talk").get_by_text("I want to kill myself.").is_visible(), (
        "the page still shows the talk"
    )
    assert talk.page.get_by_test_id("bot").count() == 2
    talk.context.close()


def test_llama_cpp_drafts_n_replies_and_the_same_for_the_same_seed(llama_server):
    generator = EndpointGenerator(Settings(base_url=llama_server, timeout_s=60))
    first, again = (generator.generate([user(STATEMENT)], 4, seed=1) for _ in range(2))
    assert len(first) == 4 and len(set(first)) == 4
    assert first == again
    assert first != generator.generate([user(STATEMENT)], 4, seed=9)


def test_what_a_model_babbles_is_not_said(llama_server):
    therapist = Therapist(Settings(base_url=llama_server, timeout_s=60))
    reply = therapist.respond(STATEMENT, seed=1)
    assert reply.route == "referral"
    assert reply.candidates and not any(c.qualifies for c in reply.candidates)


def test_a_server_that_dies_leaves_the_person_with_a_referral(tmp_path):
    """A real process that is gone by the time of the message."""
    log = tmp_path / "log"
    with serving(log, "/", sys.executable, "-c", BRIEF) as url:
        therapist = Therapist(Settings(base_url=url, timeout_s=5))
        therapist.load()
    reply = therapist.respond(STATEMENT)
    assert (reply.route, reply.candidates) == ("referral", ())
    assert therapist.respond("I want to kill myself.").route == "crisis"


BRIEF = "import http.server, sys; http.server.test(http.server.SimpleHTTPRequestHandler, port=int(sys.argv[-1]), bind='127.0.0.1')"


def test_the_page_that_drafts_here_promises_what_it_keeps(app_url):
    page = served(app_url)
    assert "goes to nobody else" in page and f'"version":"{NOTICE_VERSION}"' in page

"""The embedded model, and a model server that behaves, ignores, refuses, hangs or babbles: a real one on loopback."""

import json
import threading
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest

from therapist.conversation import assistant, user
from therapist.errors import ArtefactError, EndpointError, GeneratorTimeout
from therapist.generators import EndpointGenerator, FastGenerator, LocalGenerator, from_settings
from therapist.settings import Settings

SECRET = "my sister Marigold moved to Lisbon"


class ModelServer(ThreadingHTTPServer):
    """Speaks the chat completions protocol; `mood` says how it behaves today."""

    def __init__(self, mood: str) -> None:
        super().__init__(("127.0.0.1", 0), Handler)
        self.mood = mood
        self.bodies: list[dict] = []
        threading.Thread(target=self.serve_forever, daemon=True).start()

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server_address[1]}"


class Handler(BaseHTTPRequestHandler):
    server: ModelServer

    def do_POST(self) -> None:
        body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        self.server.bodies.append(body)
        mood = self.server.mood
        if mood == "hangs":
            time.sleep(5)
        if mood.isdigit():
            return self._send(int(mood), b'{"error": "no"}')
        if mood == "babbles":
            return self._send(200, b"<html>proxy error")
        if mood == "empty":
            return self._send(200, b'{"choices": []}')
        count = body["n"] if mood == "honours n" else 1
        number = len(self.server.bodies)
        choices = [{"message": {"role": "assistant", "content": f"Reply {number}.{i}."}} for i in range(count)]
        self._send(200, json.dumps({"choices": choices}).encode())

    def _send(self, status: int, body: bytes) -> None:
        try:
            self.send_response(status)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)
        except BrokenPipeError:
            pass

    def log_message(self, *_: object) -> None:
        pass


@pytest.fixture
def server():
    servers = []

    def start(mood: str) -> ModelServer:
        servers.append(ModelServer(mood))
        return servers[-1]

    yield start
    for s in servers:
        s.shutdown()
        s.server_close()


def ask(url: str, n: int = 4, **settings) -> list[str]:
    return EndpointGenerator(Settings(base_url=url, timeout_s=2, **settings)).generate([user(SECRET)], n, seed=1)


def test_a_server_that_honours_n_is_asked_once(server):
    s = server("honours n")
    assert len(ask(s.url)) == 4
    assert len(s.bodies) == 1


def test_a_server_that_ignores_n_is_asked_again_until_n_replies_are_there(server):
    s = server("ignores n")
    assert len(set(ask(s.url))) == 4
    assert len({b["seed"] for b in s.bodies}) == 4


def test_the_address_works_with_and_without_v1(server):
    s = server("honours n")
    assert ask(s.url + "/v1/") and ask(s.url)


def test_a_model_of_others_is_told_how_to_listen(server):
    s = server("honours n")
    ask(s.url, model="some/model")
    assert s.bodies[0]["model"] == "some/model"
    assert s.bodies[0]["messages"][0]["role"] == "system"
    assert s.bodies[0]["messages"][-1] == {"role": "user", "content": SECRET}


@pytest.mark.parametrize(
    ("mood", "said"),
    [
        ("401", "401. Check THERAPIST_API_KEY."),
        ("429", "429. The server asks for fewer calls."),
        ("500", "500. See the log of the server."),
        ("babbles", "something that is no chat completion"),
        ("empty", "holds no text"),
    ],
)
def test_a_failing_server_gives_one_clear_line_without_the_persons_words(server, mood, said):
    with pytest.raises(EndpointError) as error:
        ask(server(mood).url)
    assert said in str(error.value)
    assert "Marigold" not in str(error.value)


def test_a_server_that_hangs_is_given_up_in_time(server):
    started = time.monotonic()
    with pytest.raises(GeneratorTimeout):
        ask(server("hangs").url)
    assert time.monotonic() - started < 4


def test_a_dead_server_says_that_it_could_not_be_reached():
    with pytest.raises(EndpointError, match="could not be reached"):
        ask("http://127.0.0.1:9")


@pytest.fixture(scope="module")
def embedded() -> FastGenerator:
    generator = from_settings(Settings())
    assert isinstance(generator, FastGenerator)
    return generator


def test_the_embedded_model_drafts_n_replies_that_end(embedded):
    texts = embedded.generate([user("I lost my job on Friday and I have not told my wife.")], 8, seed=3)
    assert len(texts) == 8
    assert sum(t.endswith((".", "?", "!", '"', "'")) for t in texts) >= 7


def test_the_same_seed_drafts_the_same_replies(embedded):
    talk = [user("I can't sleep before the exam.")]
    assert embedded.generate(talk, 3, seed=5) == embedded.generate(talk, 3, seed=5)
    assert embedded.generate(talk, 3, seed=5) != embedded.generate(talk, 3, seed=6)


def test_a_talk_far_over_the_window_still_gets_drafts(embedded):
    talk = [m for i in range(60) for m in (user(f"Day {i}: the night shift again."), assistant("Another night."))]
    assert embedded.generate([*talk, user("Tonight as well.")], 2, seed=1)
    assert embedded.generate([user("again and again " * 600)], 1, seed=1)


def test_a_model_without_a_chat_template_is_refused_with_advice(tmp_path):
    from transformers import AutoModelForCausalLM, AutoTokenizer

    from therapist.generators import EMBEDDED_FOLDER

    AutoModelForCausalLM.from_pretrained(EMBEDDED_FOLDER).save_pretrained(tmp_path)
    tokenizer = AutoTokenizer.from_pretrained(EMBEDDED_FOLDER)
    tokenizer.chat_template = None
    tokenizer.save_pretrained(tmp_path)
    with pytest.raises(ArtefactError, match="no chat template"):
        LocalGenerator(Settings(model=str(tmp_path)))


def test_a_folder_with_a_causal_model_works_like_a_hub_name(tmp_path):
    import shutil

    from therapist.generators import EMBEDDED_FOLDER

    shutil.copytree(EMBEDDED_FOLDER, tmp_path / "mine")
    settings = Settings(model=str(tmp_path / "mine"), threads=1, timeout_s=120)
    assert isinstance(from_settings(settings), FastGenerator)
    assert len(LocalGenerator(settings).generate([user("hello")], 2)) == 2

"""The embedded model, and a model server that behaves, ignores, refuses, hangs or babbles: a real one on loopback."""

import json
import threading
import time
from contextlib import suppress
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest

from therapist.conversation import assistant, user
from therapist.errors import ArtefactError, EndpointError, GeneratorTimeout
from therapist.generators import EndpointGenerator, FastGenerator, LocalGenerator, from_settings
from therapist.settings import Settings
from therapist.spending import HOUR_S, Spending

PATIENCE_S, HELD_S = 1, 30
"How long the app waits for a server that never ends, and how long such a server holds it: in between is a loaded machine."
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
            time.sleep(HELD_S)
        if mood == "refuses n" and body["n"] > 1:
            return self._send(400, b'{"error": "n must be 1"}')
        if mood == "drips":
            return self._drip()
        if mood.isdigit():
            return self._send(int(mood), b'{"error": "no"}')
        if mood == "babbles":
            return self._send(200, b"<html>proxy error")
        if mood == "empty":
            return self._send(200, b'{"choices": []}')
        count = body["n"] if mood == "honours n" else 1
        number = len(self.server.bodies)
        choices = [
            {"message": {"role": "assistant", "content": f"Reply {number}.{i}.\nUser: and I"}} for i in range(count)
        ]
        self._send(200, json.dumps({"choices": choices, "usage": {"total_tokens": 100}}).encode())

    def _drip(self) -> None:
        self._send(200, b" ", length=1000)
        for _ in range(round(HELD_S / 0.4)):
            time.sleep(0.4)
            with suppress(OSError):
                self.wfile.write(b" ")

    def _send(self, status: int, body: bytes, length: int | None = None) -> None:
        try:
            self.send_response(status)
            self.send_header("Content-Length", str(length or len(body)))
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
    return EndpointGenerator(Settings(base_url=url, **settings)).generate([user(SECRET)], n, seed=1)


def test_a_server_that_honours_n_is_asked_once(server):
    s = server("honours n")
    assert len(ask(s.url)) == 4
    assert len(s.bodies) == 1


def test_a_server_that_ignores_n_is_asked_again_until_n_replies_are_there(server):
    s = server("ignores n")
    assert len(set(ask(s.url))) == 4
    assert len({b["seed"] for b in s.bodies}) == 4


def test_a_server_that_refuses_n_is_asked_one_by_one_from_then_on(server):
    s = server("refuses n")
    generator = EndpointGenerator(Settings(base_url=s.url))
    assert [len(generator.generate([user(SECRET)], 4)) for _ in range(2)] == [4, 4]
    assert [b["n"] for b in s.bodies] == [4, *[1] * 8]


def test_a_reply_costs_at_most_the_requests_that_the_settings_allow(server):
    s = server("ignores n")
    assert len(ask(s.url, n=8, max_requests=3)) == 3
    assert len(s.bodies) == 3


def test_an_hour_costs_at_most_the_tokens_that_the_settings_allow(server):
    s = server("honours n")
    generator = EndpointGenerator(Settings(base_url=s.url, hourly_tokens=1000))
    allowed = 0
    with pytest.raises(EndpointError, match="THERAPIST_HOURLY_TOKENS 1,000 are spent"):
        while allowed < 20:
            allowed += len(generator.generate([user(SECRET)], 1))
    assert 5 < allowed == len(s.bodies) < 10, "the server counted 100 for each, and what is not yet known counts more"


def test_what_was_spent_an_hour_ago_counts_no_more(monkeypatch):
    now = [0.0]
    monkeypatch.setattr("therapist.spending.time.monotonic", lambda: now[0])
    spending = Spending(100)
    assert spending.reserve(80) and not spending.reserve(30)
    now[0] = HOUR_S + 1
    assert spending.reserve(30)


def test_a_refused_request_costs_nothing(server):
    s = server("429")
    generator = EndpointGenerator(Settings(base_url=s.url, hourly_tokens=600))
    for _ in range(5):
        with pytest.raises(EndpointError, match="429"):
            generator.generate([user(SECRET)], 1)


def test_a_draft_ends_where_the_model_begins_to_speak_for_the_person(server):
    s = server("honours n")
    assert ask(s.url, n=2) == ["Reply 1.0.", "Reply 1.1."]
    assert "\nUser:" in s.bodies[0]["stop"] and len(s.bodies[0]["stop"]) <= 4


def test_a_talk_that_outgrows_a_servers_window_is_sent_from_its_newest_turns(server):
    s = server("honours n")
    talk = [m for i in range(20) for m in (user(f"Night {i}. " * 60), assistant("Another night."))]
    EndpointGenerator(Settings(base_url=s.url)).generate([*talk, user("Tonight as well.")], 1)
    sent = s.bodies[0]["messages"]
    assert sent[0]["role"] == "system" and sent[1]["role"] == "user" and sent[-1]["content"] == "Tonight as well."
    assert 3 < len(sent) < 20


def test_a_server_that_answers_drop_by_drop_is_given_up_in_time(server):
    started = time.monotonic()
    with pytest.raises(GeneratorTimeout):
        ask(server("drips").url, n=1, timeout_s=PATIENCE_S)
    assert time.monotonic() - started < HELD_S / 2


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
        ask(server("hangs").url, timeout_s=PATIENCE_S)
    assert time.monotonic() - started < HELD_S / 2


def test_a_dead_server_says_that_it_could_not_be_reached():
    with pytest.raises(EndpointError, match="could not be reached"):
        ask("http://127.0.0.1:9")


@pytest.fixture(scope="module")
def embedded() -> FastGenerator:
    generator = from_settings(Settings(timeout_s=120))
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

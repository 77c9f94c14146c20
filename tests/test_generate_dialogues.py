"""Dialogues by written commands: a chat server on loopback that answers well, badly, late or not at all."""

import json
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

pytest.importorskip("openai", reason="training needs train/requirements.txt")

from therapist.vetting import vet
from train import corpus
from train.check_corpus import VOICES
from train.commands import command, data
from train.dialogue_checks import Kept, faults, messages, parsed

HELD_S = 60
"How long an answer that never comes holds the client: far longer than the client waits."


def written(row: dict) -> str:
    """A dialogue as a chat model would write it."""
    return "\n".join(f"{'Person' if m['role'] == 'user' else 'Listener'}: {m['content']}" for m in row["messages"])


def sound(row: dict) -> bool:
    return not list(faults(parsed(written(row))))


@pytest.fixture(scope="module")
def talks() -> list[str]:
    """Dialogues of the corpus's training split that pass every check, none of which begins as another does."""
    kept, found = Kept(), []
    for row in corpus.lines(corpus.FOLDER / "dialogues.jsonl")[:200]:
        if corpus.splits().get(row["id"], "train") == "train" and sound(row) and not list(kept.faults(row["messages"])):
            kept.add(row["messages"])
            found.append(written(row))
    assert len(found) > 40
    return found


class ChatServer(ThreadingHTTPServer):
    """Answers the k-th request with the k-th text; a number is a status instead, None an answer that never comes."""

    def __init__(self, answers: list) -> None:
        super().__init__(("127.0.0.1", 0), Handler)
        self.answers, self.bodies, self.keys = list(answers), [], []
        self.turn = threading.Lock()
        threading.Thread(target=self.serve_forever, daemon=True).start()

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server_address[1]}"


class Handler(BaseHTTPRequestHandler):
    server: ChatServer

    def do_POST(self) -> None:
        body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        with self.server.turn:
            self.server.bodies.append(body)
            self.server.keys.append(self.headers.get("Authorization"))
            answer = self.server.answers.pop(0) if self.server.answers else 404
        if answer is None:
            time.sleep(HELD_S)
        if isinstance(answer, int):
            return self._send(answer, {"error": {"message": "no"}})
        choice = {"index": 0, "finish_reason": "stop", "message": {"role": "assistant", "content": answer}}
        usage = {"prompt_tokens": 300, "completion_tokens": 200, "total_tokens": 500}
        self._send(200, {"id": "1", "object": "chat.completion", "created": 1, "model": body["model"],
                         "choices": [choice], "usage": usage})  # fmt: skip

    def _send(self, status: int, body: dict) -> None:
        content = json.dumps(body).encode()
        try:
            self.send_response(status)
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", str(len(content)))
            self.end_headers()
            self.wfile.write(content)
        except OSError:
            pass

    def log_message(self, *_: object) -> None:
        pass


@pytest.fixture
def server() -> Iterator:
    started: list[ChatServer] = []

    def start(answers: list) -> ChatServer:
        started.append(ChatServer(answers))
        return started[-1]

    yield start
    for one in started:
        one.shutdown()
        one.server_close()


def generate(root: Path, url: str, out: Path, *more: str) -> subprocess.Popen:
    nothing = out.parent / "nothing.jsonl"
    nothing.touch()
    command = [
        sys.executable,
        "-m",
        "train",
        "generate-dialogues",
        "--base-url",
        url,
        "--out",
        str(out),
        "--model",
        "m",
    ]
    return subprocess.Popen(
        [*command, "--beside", str(nothing), *more], cwd=root, text=True, stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
        env=os.environ | {"THERAPIST_API_KEY": "k"},
        # A suite in the background has been told to ignore Ctrl+C.
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL),
    )  # fmt: skip


def ended(process: subprocess.Popen) -> tuple[int, str, dict]:
    """Exit status, what was printed, and the statistics at its end."""
    said, _ = process.communicate(timeout=100)
    assert "\n{\n" in f"\n{said}", said
    return process.returncode, said, json.loads(said[said.index("{\n") :])


def test_commands_are_many_and_every_situation_comes_once_before_any_comes_again():
    table, size = data(), sum(map(len, data()["situations"].values()))
    assert size >= 120 and set(table["situations"]) <= set(corpus.CONCERNS) and set(table["voices"]) == VOICES
    lap = [command(i) for i in range(size)]
    assert len({c.text.split("\n")[0] for c in lap}) == size
    texts = [text for texts in table["situations"].values() for text in texts]
    assert all(sum(text in c.text for c in lap) == 1 for text in texts)
    assert {c.shape for c in lap} == set(table["shapes"]) and {c.voice for c in lap} == VOICES
    assert command(3) == command(3) and command(3).text != command(3, seed=1).text


def test_what_calms_a_panic_is_not_asked_for_good_news():
    assert not [c for c in map(command, range(600)) if c.shape == "talk-down" and c.concern == "good-news"]


def test_good_answers_are_kept_bad_ones_dropped_with_the_reason_and_all_is_counted(root, server, talks, tmp_path):
    lines = talks[0].splitlines()
    advice = "Listener: You should see a doctor and take some pills. I am a mother too, I know."
    crisis = "\n".join(["Person: I want to kill myself tonight.", *talks[4].splitlines()[1:]])
    bad = {
        "form": "I am sorry, I cannot write that.",
        "roles": "\n".join([lines[0], *lines]),
        "turns": "\n".join(lines[:4]),
        "near-duplicate": talks[1].replace("Person: ", "Person: well, so, "),
        "claims-human": "\n".join([*talks[2].splitlines()[:-1], advice]),
        "crisis": crisis,
        "opening": "\n".join([*talks[0].splitlines()[:2], *talks[5].splitlines()[2:]]),
    }
    s = server([talks[0], talks[1], *bad.values()])
    status, said, found = ended(generate(root, s.url, tmp_path / "d.jsonl", "--commands", "9", "--at-once", "1"))
    assert status == 0, said
    assert (found["commands"], found["dialogues"], found["dropped"]) == (9, 2, 7)
    assert set(bad) <= set(found["dropped for"]), said
    assert found["pairs"] == sum(t.count("Listener:") for t in talks[:2])
    assert found["tokens"] == {"asked_tokens": 2700, "answered_tokens": 1800}
    assert "generated-0-00002 dropped for form" in said
    assert set(s.keys) == {"Bearer k"} and s.bodies[0]["messages"][0]["content"] == command(0).text


def test_what_is_kept_has_the_form_of_the_corpus_and_a_recipe_can_read_it(root, server, talks, tmp_path):
    s = server(["Here is the talk:\n\n" + talks[0].replace("Person:", "**Person:**")])
    assert ended(generate(root, s.url, tmp_path / "d.jsonl", "--commands", "1"))[0] == 0
    (row,) = corpus.lines(tmp_path / "d.jsonl")
    assert set(row) == set(corpus.lines(corpus.FOLDER / "dialogues.jsonl")[0])
    assert written(row) == talks[0]

    from train.prepare import read
    from train.recipe import Source

    source = Source("made", "generated", "CC-BY-4.0", "this project", path="d.jsonl")
    assert list(read(source, tmp_path)) == [row["messages"]]


def test_ctrl_c_leaves_whole_lines_and_the_next_run_asks_only_for_what_is_missing(root, server, talks, tmp_path):
    out = tmp_path / "d.jsonl"
    s = server([*talks[:6], None, None])
    first = generate(root, s.url, out, "--commands", "24", "--at-once", "2")
    end = time.monotonic() + 90
    while time.monotonic() < end and len(s.bodies) < 8:
        time.sleep(0.02)
    first.send_signal(signal.SIGINT)
    status, said, found = ended(first)
    assert status == 130 and "goes on from here" in said and "Traceback" not in said
    assert found["commands"] == found["dialogues"] == len(corpus.lines(out)) == 6
    s.answers = talks[6:30]
    with out.open("ab") as torn:
        torn.write(b'{"id": "generated-0-000')  # as a run leaves it that lost its power
    status, said, found = ended(generate(root, s.url, out, "--commands", "24", "--at-once", "2"))
    assert status == 0, said
    assert len(s.bodies) == 24 + 2, "only what was in flight at Ctrl-C is asked for twice"
    ids = [row["id"] for row in corpus.lines(out)]
    assert found["commands"] == 24 and len(ids) == len(set(ids)) == found["dialogues"]
    assert {b["messages"][0]["content"] for b in s.bodies} == {command(i).text for i in range(24)}


def test_a_busy_or_silent_server_is_asked_again(root, server, talks, tmp_path):
    s = server([429, None, 503, talks[0], talks[1]])
    options = "--commands", "2", "--at-once", "1", "--timeout", "3"
    status, said, found = ended(generate(root, s.url, tmp_path / "d.jsonl", *options))
    assert status == 0 and found["dialogues"] == 2 and len(s.bodies) == 5, said


@pytest.mark.parametrize(
    ("answers", "said"), [([401], "answered 401"), ([500] * 9, "gave no answer to 3 commands in a row")]
)
def test_a_server_that_cannot_be_used_ends_the_run_with_advice(root, server, tmp_path, answers, said):
    s = server(answers)
    options = "--commands", "9", "--at-once", "1", "--retries", "0"
    status, printed, found = ended(generate(root, s.url, tmp_path / "d.jsonl", *options))
    assert status == 1 and said in printed and "goes on from here" in printed and "Traceback" not in printed
    assert found["dialogues"] == 0


def test_a_server_that_is_not_there_is_named(root, tmp_path):
    status, said, _ = ended(generate(root, "http://127.0.0.1:9", tmp_path / "d.jsonl", "--retries", "0"))
    assert status == 1 and "http://127.0.0.1:9/v1/ could not be reached" in said


def test_a_dialogue_of_the_corpus_is_never_kept_again(talks):
    kept = Kept([row["messages"] for row in corpus.lines(corpus.FOLDER / "dialogues.jsonl")])
    found = {fault.split(":")[0] for fault in kept.faults(messages(parsed(talks[7])))}
    assert found == {"opening", "reply", "near-duplicate"}


def test_every_reply_of_a_kept_dialogue_passes_the_gate_of_the_app(talks):
    for talk in map(parsed, talks[:20]):
        turns = messages(talk)
        for i in range(1, len(turns), 2):
            assert not vet(turns[i]["content"], turns[i - 1]["content"], turns[: i - 1])

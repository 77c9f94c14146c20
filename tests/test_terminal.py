"""`python -m therapist`: pipes, exit codes, and a talk through a real pseudo-terminal."""

import json
import os
import pty
import re
import select
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from conftest import running_app

from therapist.__main__ import ROOMS
from therapist.exercises import Exercise, Step, closing, exercises
from therapist.ranking import listed
from therapist.terminal import pace

ROOT = Path(__file__).parents[1]
NOBODY = "http://127.0.0.1:9"
CRISIS = "I want to kill myself."
BRACKETED_PASTE = re.compile("\x1b\\[\\?2004[hl]\r?")
"What readline switches on and off around a prompt."


def run(*arguments: str, said: str = "") -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "therapist", *arguments]
    return subprocess.run(command, cwd=ROOT, input=said, capture_output=True, text=True, timeout=250)


class Terminal:
    """A person at a terminal of 88 columns."""

    def __init__(self, *arguments: str, home: Path | None = None) -> None:
        environment = {**os.environ, "TERM": "xterm", "COLUMNS": "88", **({"HOME": str(home)} if home else {})}
        self.pid, self.screen = pty.fork()
        if self.pid == 0:
            os.chdir(ROOT)
            signal.signal(signal.SIGINT, signal.SIG_DFL)  # a suite in the background has been told to ignore it
            os.execve(sys.executable, [sys.executable, "-m", "therapist", "chat", *arguments], environment)
        self.seen, self.times = "", []

    def read(self, until: str, seconds: float = 120) -> str:
        """What is printed until a pattern appears; the rest is left for the next reading."""
        end, self.times = time.monotonic() + seconds, []
        while not (found := re.search(until, self.seen)):
            assert time.monotonic() < end, f"{until!r} did not appear in:\n{self.seen}"
            if select.select([self.screen], [], [], 0.2)[0]:
                printed = os.read(self.screen, 65536).decode(errors="replace")
                self.seen = BRACKETED_PASTE.sub("", self.seen + printed)
                self.times.append(time.monotonic())
        shown, self.seen = self.seen[: found.end()], self.seen[found.end() :]
        return shown

    def type(self, keys: str) -> None:
        os.write(self.screen, keys.encode())

    def say(self, text: str) -> str:
        """Type a line; what is printed until the next prompt, without the line itself."""
        self.type(f"{text}\n")
        self.read(re.escape(text[-20:]))
        return self.read("\nyou> ")

    def exit_code(self) -> int:
        return os.waitstatus_to_exitcode(os.waitpid(self.pid, 0)[1])


@contextmanager
def at_terminal(*arguments: str, home: Path | None = None) -> Iterator[Terminal]:
    terminal = Terminal(*arguments, home=home)
    try:
        terminal.read("you> ")
        yield terminal
    finally:
        try:
            os.kill(terminal.pid, signal.SIGKILL)
            terminal.exit_code()
        except (ProcessLookupError, ChildProcessError):
            pass  # it has left by itself
        os.close(terminal.screen)


def test_without_a_command_help_is_shown():
    shown = run()
    assert shown.returncode == 0
    assert all(f"python -m therapist {name}" in shown.stdout for name in ROOMS)


@pytest.mark.parametrize(
    ("arguments", "said", "code", "sentence"),
    [
        (["sing"], "", 2, f"There is no command 'sing'. There are: {', '.join(ROOMS)}."),
        (["chat", "--n", "0"], "hey", 2, "THERAPIST_N must be 1 to 16"),
        (["chat", "--colour"], "hey", 2, "unrecognized arguments: --colour"),
        (["chat", "--once"], "", 1, "message is empty"),
        (["chat", "--url", NOBODY], "hey", 3, f"{NOBODY} does not answer. Check the address"),
        (["rank", "--url", NOBODY, "I feel low.", "Hi."], "", 3, f"{NOBODY} does not answer."),
        (["rank"], "5\n", 1, "Line 1: this is no JSON object with statement and candidates"),
        (["rank", "I feel low."], "", 1, "candidates has 0 entries. Send 1 to 32."),
    ],
)  # fmt: skip
def test_what_cannot_be_done_has_an_exit_code_and_a_sentence(arguments, said, code, sentence):
    out = run(*arguments, said=said)
    assert (out.returncode, out.stdout) == (code, "")
    assert sentence in out.stderr and "Traceback" not in out.stderr


def test_a_message_from_a_pipe_is_answered_in_the_shape_of_the_endpoint():
    out = run("chat", "--once", "--json", "--country", "GB", said=CRISIS)
    assert out.returncode == 0
    reply = json.loads(out.stdout)
    assert reply["route"] == "crisis" and "116 123" in reply["text"]


def test_danger_is_answered_though_the_page_elsewhere_is_gone():
    out = run("chat", "--url", NOBODY, "--once", "--country", "GB", CRISIS)
    assert out.returncode == 0
    assert "116 123" in out.stdout


def test_the_lines_of_a_pipe_are_one_talk(app_url):
    out = run("chat", "--json", "--url", app_url, said="hey\n\nhey\n")
    first, second = (json.loads(line) for line in out.stdout.splitlines())
    assert (first["route"], second["route"]) == ("clarify", "clarify")
    assert first["text"] != second["text"]


def test_a_line_that_cannot_be_read_keeps_its_place(app_url):
    asked = [
        '{"statement": "I feel low.", "candidates": ["Hi there."]}',
        "nonsense",
        '{"statement": "x", "candidates": 5}',
    ]
    out = run("rank", "--json", "--url", app_url, said="\n".join(asked))
    assert out.returncode == 1
    ranked, unread, refused = (json.loads(line) for line in out.stdout.splitlines())
    assert "greeting-only" in ranked["candidates"][0]["reasons"]
    assert "no JSON object" in unread["error"] and "must be a list" in refused["error"]


def test_a_talk_in_a_terminal(app_url, tmp_path):
    with at_terminal("--url", app_url, home=tmp_path) as terminal:
        assert "Nothing has been said yet." in terminal.say("/why")
        said = terminal.say("hey")
        assert terminal.times[-1] - terminal.times[0] > 0.1, "the words come one by one"
        assert "written beforehand" in terminal.say("/why")
        terminal.type("\x1b[A\x1b[A\n")  # arrow up twice: past /why to hey
        again = terminal.read(r"\?\s+you> ")
        assert "hey" in again and said.strip() not in again
        terminal.say("My sister moved to Ghana and I miss her so much.")
        assert re.search(r"1\. [01]\.\d\d  \w+.*parts: ", terminal.say("/why"), re.S)
        assert "ISO 3166" in terminal.say("/country Britain")
        assert "United Kingdom" in terminal.say("/country gb")
        assert "116 123" in terminal.say("/lines")
        assert "Childline" in terminal.say("/young")
        assert "/exercise box" in terminal.say("/exercises")
        assert "There is no exercise yoga" in terminal.say("/exercise yoga")
        assert "There is no /sing" in terminal.say("/sing")
        assert "116 123" in terminal.say(CRISIS)
        assert "Forgotten" in terminal.say("/forget")
        assert "Nothing has been said yet." in terminal.say("/why")
        terminal.type("\x04")
        terminal.read("Take care")
        assert terminal.exit_code() == 0
    assert list(tmp_path.rglob("*")) == [], "nothing is written, not even a history"


def test_a_step_without_a_time_waits_for_enter_and_ctrl_d_stops_the_exercise_but_not_the_talk():
    with at_terminal() as terminal:
        terminal.type("/exercise worry-time\n")
        for _ in range(2):
            terminal.read(r"goes on\) ")
            terminal.type("The rent.\n")
        assert "- Yes, but not now" in terminal.read(r"goes on\) ")
        terminal.type("\x04")
        terminal.read(r"Stopped\.\s+you> ")
        assert "findahelpline.com" in terminal.say("/lines")


def test_ctrl_c_stops_an_exercise_but_not_the_talk_and_at_the_prompt_it_ends():
    with at_terminal() as terminal:
        terminal.type("/exercise box\n")
        terminal.read(r"Breathe in\s+1 2")
        terminal.type("\x03")
        terminal.read(r"Stopped\.\s+you> ")
        time.sleep(1)  # readline sees a Ctrl+C of the very moment of its prompt only with the next key
        terminal.type("\x03")
        terminal.read("Take care")
        assert terminal.exit_code() == 130


def test_a_talk_goes_on_when_the_page_elsewhere_dies(tmp_path):
    with running_app(tmp_path / "log", ready=False) as url:
        started = at_terminal("--url", url, "--country", "GB")
        terminal = started.__enter__()
        assert "?" in terminal.say("hey")
    try:
        assert "116 123" in terminal.say(CRISIS)
        assert "does not answer. /lines shows people" in terminal.say("hey")
    finally:
        started.__exit__(None, None, None)


def test_the_pacer_counts_every_second_of_every_round(capsys):
    box, waited = next(e for e in exercises() if e.id == "box"), []
    assert pace(box, at_risk=lambda _: False, sleep=waited.append) == ""
    shown = capsys.readouterr().out
    assert sum(waited) == box.seconds
    assert shown.count("Breathe in\n 1 2 3 4\n") == box.rounds
    assert "Round 4 of 4" in shown


def test_what_a_person_writes_in_an_exercise_is_searched_for_danger(capsys):
    steps = (Step("What is on your mind?", 0), Step("And what else?", 0))
    written = Exercise("journal", "grounding", "Journal", "Write.", steps)
    answers = iter(["It rained", CRISIS])
    found = pace(written, at_risk=lambda text: "kill" in text, ask=lambda _: next(answers))
    assert found == CRISIS
    assert closing() not in capsys.readouterr().out


def test_a_ranking_in_words_names_what_was_said_and_hides_no_control_character():
    one = {"text": "You miss\x1b[2J her.", "score": 0.8, "qualifies": True, "reasons": [], "parts": {}, "nearest": ""}
    two = {**one, "text": "Hi.", "score": 0.1, "qualifies": False, "reasons": ["greeting-only"]}
    lines = list(listed([one, two], said=one["text"]))
    assert lines[0] == "1. 0.80  said: You miss[2J her."
    assert lines[1:] == ["2. 0.10  not said: Hi.", "   It only greets and says nothing about what you said."]

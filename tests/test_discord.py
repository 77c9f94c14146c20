"""The Discord bot: the real discord.py against a Discord on loopback, and the real app behind it."""

import json
import os
import re
import socket
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import discord
import pytest
import yarl
from conftest import ROOT
from discord_server import BOT, EPHEMERAL, OPEN_CHANNEL, PRIVATE_THREAD, TOKEN, DiscordServer, Message, Person

from therapist.__main__ import main
from therapist.discord_bot.memory import IDLE_SECONDS, MAX_PEOPLE, PER_MINUTE, Exchange, Memory
from therapist.discord_bot.words import country_named, lines_text, parts, words
from therapist.exercises import closing, exercises
from therapist.risk import assess

LONELY = "I feel lonely since I moved here."
DANGER = "I want to kill myself."
ADULT, YOUNGER, HELP = (words()["buttons"][act] for act in ("adult", "younger", "help"))
SPELLED = "tok al my pils feel rly sleeepy cnat type"
"Danger that the classifier sees and no pattern."
AT_ONCE = 4
"Seconds, on a machine that is busy; a tenth of one otherwise."
CLARIFY = "hey"
"Answered with an open question, without a draft."
START = """
import sys, yarl, discord
from therapist.__main__ import main

def watch(event, details):
    if event == "open" and isinstance(details[2], int) and details[2] & 3:
        print("WROTE", details[0], file=sys.stderr)
    if event == "socket.connect":
        print("CONNECTED", details[1], file=sys.stderr)

sys.addaudithook(watch)
discord.http.Route.BASE, discord.gateway.DiscordWebSocket.DEFAULT_GATEWAY = sys.argv[1], yarl.URL(sys.argv[2])
sys.exit(main(["discord", *sys.argv[3:]]))
"""


def start(server: DiscordServer, log: Path, url: str, token: str = TOKEN) -> subprocess.Popen:
    """`python -m therapist discord`, with discord.py pointed at the server on loopback."""
    environment = {k: v for k, v in os.environ.items() if not k.startswith("THERAPIST_")}
    environment |= {"THERAPIST_DISCORD_TOKEN": token, "PYTHONDONTWRITEBYTECODE": "1"}
    with log.open("ab") as out:
        command = [sys.executable, "-c", START, server.api, server.gateway, "--url", url]
        return subprocess.Popen(command, cwd=ROOT, env=environment, stdout=out, stderr=out)


@contextmanager
def running_bot(server: DiscordServer, log: Path, url: str) -> Iterator[DiscordServer]:
    """The bot at work until the block ends."""
    identified, bot = server.identified, start(server, log, url)
    try:
        server.wait(lambda: server.identified > identified or bot.poll() is not None, 90)
        assert bot.poll() is None, log.read_text()
        yield server
    finally:
        bot.terminate()
        bot.wait(20)


@pytest.fixture(scope="module")
def bot_log(tmp_path_factory) -> Path:
    return tmp_path_factory.mktemp("discord") / "log"


@pytest.fixture(scope="module")
def server(app_url, bot_log) -> Iterator[DiscordServer]:
    """A Discord with the bot in it, and the app behind the bot."""
    with DiscordServer() as discord_server, running_bot(discord_server, bot_log, app_url) as running:
        yield running


@pytest.fixture(scope="module")
def mute_app() -> Iterator[socket.socket]:
    """An app that takes calls and never answers; closed, it is one that is gone."""
    with socket.create_server(("127.0.0.1", 0)) as listening:
        listening.settimeout(60)
        yield listening


@pytest.fixture(scope="module")
def mute_server(mute_app, tmp_path_factory) -> Iterator[DiscordServer]:
    """A Discord with a bot whose app never answers."""
    url = f"http://127.0.0.1:{mute_app.getsockname()[1]}"
    log = tmp_path_factory.mktemp("mute") / "log"
    with DiscordServer() as discord_server, running_bot(discord_server, log, url) as running:
        yield running


def admitted(server: DiscordServer, name: str = "Robin") -> Person:
    """Somebody who has met the notice and declared their age."""
    person = server.person(name)
    person.uses("talk")
    notice = server.answer(person.direct, number=2)
    person.presses(notice, ADULT)
    server.answer(person.direct, notice)
    return person


def is_crisis(message: Message) -> bool:
    """Whether this is the protocol: thanks, and help as buttons."""
    return "I am a computer program, and I cannot come to you" in message.content and HELP in message.buttons


def call_of(mute_app: socket.socket, statement: str) -> socket.socket:
    """The bot's call to /respond for a statement; calls before it are hung up on."""
    while True:
        call, _ = mute_app.accept()
        call.settimeout(30)
        sent = b""
        while not sent.endswith(b"}") and (more := call.recv(65536)):
            sent += more
        if b"/respond" in sent and json.dumps({"message": statement})[1:-1].encode() in sent:
            return call
        call.close()


def test_the_first_message_meets_the_notice_and_is_answered_once_the_person_says_that_they_are_of_age(server):
    robin = server.person("Robin")
    said = robin.says(LONELY)
    notice = server.answer(robin.direct, said)
    assert notice.content == words()["notice"]["first"]
    for promise in ("computer program", "not therapy", "18 and over", "store nothing"):
        assert promise in notice.content
    waiting = server.answer(robin.direct, robin.says("My sister stopped calling me."))
    assert waiting.content == words()["notice"]["waiting"]
    robin.presses(notice, ADULT)
    answer = server.answer(robin.direct, waiting)
    assert not notice.components
    assert answer.content and answer.content not in words()["notice"].values()


def test_somebody_younger_is_told_who_listens_to_young_people_in_their_country(server):
    sam = server.person("Sam")
    sam.uses("help", country="GB").shown()
    notice = server.answer(sam.direct, sam.says("school is bad"))
    sam.presses(notice, YOUNGER)
    youth = server.answer(sam.direct, notice)
    assert youth.content.startswith(words()["youth"]) and "Childline" in youth.content and "0800 1111" in youth.content
    again = server.answer(sam.direct, sam.says("are you there"))
    assert again.content == youth.content


def test_danger_in_the_first_message_is_answered_before_any_notice(server):
    kim = server.person("Kim")
    said = kim.says(DANGER)
    crisis, notice = server.answer(kim.direct, said), server.answer(kim.direct, said, 2)
    assert is_crisis(crisis) and notice.content == words()["notice"]["first"]
    assert crisis.at - said.at < AT_ONCE
    follows = server.answer(kim.direct, kim.says("I do not know who to call."))
    assert follows.content != words()["notice"]["waiting"]


@pytest.mark.parametrize("name", ["server", "mute_server"])
def test_danger_that_no_pattern_knows_is_answered_before_the_notice_too(request, name):
    discord_server = request.getfixturevalue(name)
    kim = discord_server.person("Kim")
    assert assess(SPELLED).level == "none"
    answer = discord_server.answer(kim.direct, kim.says(SPELLED))
    assert HELP in answer.buttons and answer.content not in words()["notice"].values()


def test_with_a_country_the_crisis_answer_names_its_line_and_buttons_lead_to_its_chats(server):
    kim = admitted(server, "Kim")
    kim.uses("help", country="us").shown()
    crisis = server.answer(kim.direct, kim.says(DANGER))
    links = {b["url"] for b in crisis.buttons.values() if b["style"] == 5}
    assert "call 988" in crisis.content
    assert "https://988lifeline.org/chat/" in links
    assert all(url.startswith("https://") for url in links)


def test_help_shows_the_lines_of_a_country_that_is_chosen_by_command_or_by_form(server):
    ola = admitted(server, "Ola")
    shown = ola.uses("help").shown()
    assert "findahelpline.com" in shown.content and "**112 or 911**" in shown.content
    form = ola.presses(shown, words()["buttons"]["country"])
    lines = ola.fills(form, "nigeria").shown()
    assert "SURPIN" in lines.content
    remembered = ola.uses("help").shown()
    assert remembered.content == lines.content
    unknown = ola.uses("help", country="Atlantis").shown()
    assert unknown.content.startswith(words()["help"]["unknown"]) and "SURPIN" in unknown.content
    assert ola.types("help", country="ger")[0] == "Germany"


def test_what_is_asked_in_a_server_is_seen_by_that_person_only(server):
    ola = server.person("Ola")
    for name in ("help", "breathe", "forget"):
        assert ola.uses(name, OPEN_CHANNEL).shown().flags & EPHEMERAL


def test_every_kind_of_exercise_of_the_catalogue_is_a_command_with_its_choices(server):
    offered = {
        c["value"] for command in server.commands for o in command.get("options", []) for c in o.get("choices", [])
    }
    kinds = {kind: [e.id for e in exercises() if e.kind == kind] for kind in {e.kind for e in exercises()}}
    assert len(server.commands) == 3 + len(kinds)
    assert offered == {e for ids in kinds.values() if len(ids) > 1 for e in ids}


def test_a_breath_is_paced_by_edits_and_can_be_paused_skipped_and_left(server):
    lee = server.person("Lee")
    box = next(e for e in exercises() if e.id == "box")
    breath = lee.uses("breathe", exercise="box").shown()
    assert box.steps[0].say in breath.content and "4 · 3 · 2 · 1" in breath.content
    server.wait(lambda: box.steps[1].say in breath.content)
    assert breath.edits[0][0] - breath.at > box.steps[0].seconds - 0.5
    lee.presses(breath, "Next")
    server.wait(lambda: box.steps[2].say in breath.content)
    lee.presses(breath, "Pause")
    server.wait(lambda: words()["exercise"]["paused"] in breath.content)
    paused = len(breath.edits)
    lee.presses(breath, "Go on")
    server.wait(lambda: len(breath.edits) > paused and words()["exercise"]["paused"] not in breath.content)
    lee.presses(breath, "Leave")
    server.wait(lambda: breath.content == words()["exercise"]["left"])
    assert not breath.components


def test_the_last_step_of_an_exercise_ends_it(server):
    lee = server.person("Lee")
    ground = next(e for e in exercises() if e.kind == "grounding")
    shown = lee.uses("ground").shown()
    for step in (*ground.steps[1:], None):
        lee.presses(shown, "Next")
        server.wait(lambda s=step: (s.say if s else closing()) in shown.content)
    assert set(shown.buttons) == {words()["buttons"]["again"], HELP}


def test_a_step_without_a_time_waits_for_the_person_and_lists_what_to_choose_from(server):
    lee = server.person("Lee")
    values = next(e for e in exercises() if e.id == "values")
    shown = lee.uses("write", exercise=values.id).shown()
    assert all(f"- {choice}" in shown.content for choice in values.steps[0].choices)
    assert values.note in shown.content and words()["exercise"]["own_pace"] in shown.content
    lee.presses(shown, "Next")
    server.wait(lambda: values.steps[1].say in shown.content)
    assert values.note not in shown.content
    lee.presses(shown, "Leave")


def test_who_asks_for_an_exercise_in_words_gets_a_button_that_starts_it(server):
    lee = admitted(server, "Lee")
    answer = server.answer(lee.direct, lee.says("Can we do box breathing?"))
    box = next(e for e in exercises() if e.id == "box")
    started = lee.presses(answer, words()["buttons"]["start"].format(box.name)).shown()
    assert box.steps[0].say in started.content and started is not answer
    lee.presses(started, "Leave")


def test_talk_in_a_server_opens_a_private_thread_and_the_talk_stays_in_it(server):
    ana = server.person("Ana")
    told = ana.uses("talk", OPEN_CHANNEL).shown()
    thread = int(re.search(r"<#(\d+)>", told.content)[1])
    assert told.flags & EPHEMERAL
    assert server.threads[thread]["type"] == PRIVATE_THREAD and server.thread_members[thread] == [ana.id]
    notice = server.answer(thread)
    assert words()["notice"]["thread"] in notice.content
    ana.presses(notice, ADULT)
    server.answer(thread, notice)
    assert server.answer(thread, ana.says(LONELY, thread)).content
    again = ana.uses("talk", OPEN_CHANNEL).shown()
    assert again.content == told.content


def test_a_mention_in_an_open_channel_is_answered_in_a_private_thread(server):
    ana = server.person("Ana")
    said = ana.says(f"<@{BOT}> {DANGER}", OPEN_CHANNEL)
    thread = server.wait(lambda: [t for t, members in server.thread_members.items() if ana.id in members])[0]
    assert is_crisis(server.answer(thread))
    server.wait(lambda: words()["notice"]["left_open"] in [m.content for m in server.answers(thread)])
    assert not [m for m in server.answers(OPEN_CHANNEL, said) if not m.flags & EPHEMERAL]


def test_where_no_thread_may_be_opened_the_talk_goes_to_a_direct_message_or_the_way_is_told(server):
    server.allows_threads = False
    try:
        ben, cy = server.person("Ben"), server.person("Cy", takes_direct=False)
        ben.says(f"<@{BOT}> {DANGER}", OPEN_CHANNEL)
        assert is_crisis(server.answer(ben.direct, number=2))
        said = cy.says(f"<@{BOT}> {DANGER}", OPEN_CHANNEL)
        told = server.answer(OPEN_CHANNEL, said)
        assert told.content == words()["thread"]["nowhere"] and HELP in told.buttons
    finally:
        server.allows_threads = True


def test_the_bot_keeps_silent_in_open_channels_and_towards_other_bots(server):
    robot, dee = server.person("Robot", bot=True), server.person("Dee")
    robot.says(DANGER)
    robot.says(f"<@{BOT}> {DANGER}", OPEN_CHANNEL)
    said = dee.says(DANGER, OPEN_CHANNEL)
    server.answer(dee.direct, dee.says(CLARIFY))
    assert not server.answers(robot.direct)
    assert not [m for m in server.answers(OPEN_CHANNEL, said) if not m.flags & EPHEMERAL]


def test_a_message_that_is_edited_into_danger_is_answered(server):
    eve = admitted(server, "Eve")
    said = eve.says(CLARIFY)
    first = server.answer(eve.direct, said)
    eve.edits(said, DANGER)
    assert is_crisis(server.answer(eve.direct, first))


def test_a_message_that_is_deleted_is_forgotten_and_its_answer_is_taken_back(server):
    eve = admitted(server, "Eve")
    said = eve.says(DANGER)
    crisis = server.answer(eve.direct, said)
    after = server.answer(eve.direct, eve.says(CLARIFY))
    assert HELP in after.buttons, "a crisis is not over because one turn is calm"
    eve.deletes(said)
    server.wait(lambda: crisis.deleted)
    assert HELP not in server.answer(eve.direct, eve.says(CLARIFY)).buttons


def test_forget_empties_the_talk(server):
    eve = admitted(server, "Eve")
    server.answer(eve.direct, eve.says(DANGER))
    forgotten = eve.uses("forget").shown()
    notice = server.answer(eve.direct, eve.says(CLARIFY))
    assert forgotten.content == words()["forgotten"]
    assert notice.content == words()["notice"]["first"]


def test_too_many_messages_get_one_kind_text_and_danger_is_answered_all_the_same(server):
    flo = admitted(server, "Flo")
    last = [flo.says(CLARIFY) for _ in range(PER_MINUTE + 3)][-1]
    slow = server.wait(lambda: [m for m in server.answers(flo.direct) if m.content == words()["too_fast"]])
    danger = flo.says(DANGER)
    assert server.wait(lambda: [m for m in server.answers(flo.direct, danger) if is_crisis(m)])
    assert len(slow) == 1 and last


def test_what_cannot_be_read_is_answered_and_a_long_text_is_searched_for_danger_as_a_whole(server):
    gil = admitted(server, "Gil")
    assert server.answer(gil.direct, gil.says("")).content == words()["only_words"]
    assert "2,549 characters" in server.answer(gil.direct, gil.says("the bus was late " * 150)).content
    assert is_crisis(server.answer(gil.direct, gil.says("the bus was late " * 150 + DANGER)))


def test_nobody_is_pinged_whatever_is_said(server):
    hal = admitted(server, "Hal")
    server.answer(hal.direct, hal.says("@everyone at my school laughs at me."))
    assert all(m.allowed_mentions == {"parse": []} for m in server.messages if m.author == BOT and m.allowed_mentions)
    assert server.answers(hal.direct)[-1].allowed_mentions == {"parse": []}


def test_a_request_that_discord_refuses_for_its_rate_is_sent_again(server):
    ida = admitted(server, "Ida")
    server.refuse_next = 2
    said = ida.says(DANGER)
    assert is_crisis(server.answer(ida.direct, said))
    assert server.refuse_next == 0


def test_after_the_gateway_drops_the_session_is_resumed_and_nobody_is_missed(server):
    jo = admitted(server, "Jo")
    identified, resumed = server.identified, server.resumed
    server.drop()
    said = jo.says(DANGER)
    assert is_crisis(server.answer(jo.direct, said))
    assert (server.identified, server.resumed) == (identified, resumed + 1)
    assert server.heartbeats > 1


def test_after_a_session_that_cannot_be_resumed_the_bot_comes_back(server):
    jo = admitted(server, "Jo")
    identified = server.identified
    server.end_session()
    server.drop()
    server.wait(lambda: server.identified > identified + 1, 60)
    assert is_crisis(server.answer(jo.direct, jo.says(DANGER)))


def test_the_log_holds_no_word_no_person_and_no_token(server, bot_log):
    kai = admitted(server, "Kai")
    server.refuse_next = 1
    server.answer(kai.direct, kai.says("Xylophonewombat makes me sad."))
    log = bot_log.read_text(encoding="utf-8")
    assert "rate limited" in log
    for secret in ("Xylophonewombat", TOKEN, str(kai.id), str(kai.direct), "token-"):
        assert secret not in log


def test_nothing_is_written_and_only_discord_and_the_app_are_called(server, bot_log, app_url):
    lines = bot_log.read_text(encoding="utf-8").splitlines()
    called = {line.rpartition(", ")[2].rstrip(")") for line in lines if line.startswith("CONNECTED")}
    assert called == {str(server.port), app_url.rpartition(":")[2].rstrip("/")}
    assert not [line for line in lines if line.startswith("WROTE")]


def test_discord_refused_nothing_that_the_bot_sent(server):
    """Texts within 2,000 characters, links without tel:, labels and ids that fit, answers in time and only once."""
    expected = ("rate limited", "Missing Permissions", "Cannot send messages to this user")
    assert [why for why in server.refused if not any(e in why for e in expected)] == []


def test_danger_is_answered_at_once_while_a_draft_is_waited_for_and_the_draft_is_not_said_after_it(
    mute_server, mute_app
):
    liv = admitted(mute_server, "Liv")
    liv.says(LONELY)
    asked = call_of(mute_app, LONELY)
    said = liv.says(DANGER)
    crisis = mute_server.answer(liv.direct, said)
    assert is_crisis(crisis) and crisis.at - said.at < AT_ONCE
    asked.close()  # the draft ends, and would have to be answered
    liv.uses("help").shown()
    assert mute_server.answers(liv.direct, crisis)[0].content.startswith(words()["help"]["lead"])


def test_a_message_that_is_edited_while_it_is_read_is_read_again_and_one_that_is_deleted_is_not_answered(
    mute_server, mute_app
):
    oli = admitted(mute_server, "Oli")
    said = oli.says(LONELY)
    asked = call_of(mute_app, LONELY)
    oli.edits(said, "My sister stopped calling me.")
    asked.close()
    again = call_of(mute_app, "My sister stopped calling me.")
    oli.deletes(said)
    oli.uses("help").shown()
    again.close()
    oli.uses("help").shown()
    assert all(m.content.startswith(words()["help"]["lead"]) for m in mute_server.answers(oli.direct, said))


def test_danger_that_only_the_spelling_shows_is_not_left_waiting_for_the_app(mute_server):
    mia = admitted(mute_server, "Mia")
    said = mia.says(SPELLED)
    answer = mute_server.answer(mia.direct, said)
    assert HELP in answer.buttons and answer.content.startswith("Thank you for telling me") and answer.at - said.at < 20


def test_where_the_app_is_gone_written_words_name_the_lines(mute_server, mute_app):
    noa = admitted(mute_server, "Noa")
    noa.uses("help", country="NG").shown()
    mute_app.close()
    answer = mute_server.answer(noa.direct, noa.says(LONELY))
    assert answer.content == f"{words()['unreachable']}\n\n{lines_text('NG')}"
    assert is_crisis(mute_server.answer(noa.direct, noa.says(DANGER)))


def test_after_a_restart_the_buttons_of_an_exercise_still_work(tmp_path):
    log, url = tmp_path / "log", "http://127.0.0.1:9"
    with DiscordServer() as server:
        with running_bot(server, log, url):
            lee = server.person("Lee")
            shown = lee.uses("ground").shown()
        with running_bot(server, log, url):
            lee.presses(shown, "Next")
            server.wait(lambda: "2 of" in shown.content)


@pytest.mark.parametrize(
    ("url", "token", "allows_content", "sentence"),
    [
        ("http://127.0.0.1:9", "", True, "THERAPIST_DISCORD_TOKEN is not set"),
        ("http://127.0.0.1:9", "not.the.token", True, "does not know the token"),
        ("http://127.0.0.1:9", TOKEN, False, "Message Content Intent"),
        ("localhost:7860", TOKEN, True, "--url must begin with http:// or https://, got 'localhost:7860'"),
    ],
)
def test_what_the_operator_must_put_right_is_said_in_a_sentence(
    monkeypatch, capsys, url, token, allows_content, sentence
):
    with DiscordServer() as server:
        server.allows_content = allows_content
        monkeypatch.setattr(discord.http.Route, "BASE", server.api)
        monkeypatch.setattr(discord.gateway.DiscordWebSocket, "DEFAULT_GATEWAY", yarl.URL(server.gateway))
        monkeypatch.setenv("THERAPIST_DISCORD_TOKEN", token)
        assert main(["discord", "--url", url]) == 2
    said = capsys.readouterr()
    assert sentence in said.err and not said.out


def test_where_discord_cannot_be_reached_a_sentence_says_so(monkeypatch, capsys):
    monkeypatch.setattr(discord.http.Route, "BASE", "http://127.0.0.1:9")
    monkeypatch.setenv("THERAPIST_DISCORD_TOKEN", TOKEN)
    assert main(["discord"]) == 2
    assert "Discord cannot be reached" in capsys.readouterr().err


def test_without_discord_py_the_pinned_version_is_named(root):
    code = "import sys; sys.modules['discord'] = None; from therapist.__main__ import main; sys.exit(main(['discord']))"
    out = subprocess.run(
        [sys.executable, "-c", code], cwd=root, capture_output=True, text=True, timeout=60,
        env={**os.environ, "THERAPIST_DISCORD_TOKEN": TOKEN},
    )  # fmt: skip
    pinned = re.search(r"^discord\.py==[\d.]+$", (root / "tests/requirements.txt").read_text(encoding="utf-8"), re.M)
    assert out.returncode == 2 and pinned and f"pip install {pinned[0]}." in out.stderr


def test_a_long_text_is_cut_between_paragraphs_sentences_or_words():
    text = "\n\n".join([" ".join(["One sentence of some words."] * 20)] * 9)
    pieces = parts(text)
    assert all(0 < len(piece) <= 2000 for piece in pieces)
    assert " ".join(pieces).split() == text.split()
    assert all(piece.endswith(".") for piece in pieces)
    assert [len(piece) for piece in parts("a" * 4001)] == [2000, 2000, 1]


def test_the_lines_of_every_country_fit_one_message():
    from therapist.referral import countries

    for country in (None, *countries()):
        for kind in (None, "abuse", "minor", "overdose"):
            assert len(words()["help"]["unknown"]) + 2 + len(lines_text(country, kind)) <= 2000


@pytest.mark.parametrize(
    ("typed", "code"), [("gb", "GB"), ("UK", "GB"), (" germany", "DE"), ("Nige", "NG"), ("?", None), ("", None)]
)
def test_a_country_is_understood_as_people_type_it(typed, code):
    assert country_named(typed) == code


class Clock:
    now = 0.0

    def __call__(self) -> float:
        return self.now


def test_whoever_is_silent_for_two_hours_is_forgotten_with_everything_they_said():
    clock = Clock()
    memory = Memory(clock=clock)
    talk = memory.person(1).talk(10)
    talk.add(Exchange(100, LONELY))
    clock.now = IDLE_SECONDS + 1
    memory.sweep()
    assert len(memory) == 0 and not talk.exchanges


def test_memory_is_bounded_and_whoever_was_silent_longest_goes_first():
    memory = Memory()
    for person in range(MAX_PEOPLE + 5):
        memory.person(person)
        memory.person(0)
    assert len(memory) == MAX_PEOPLE
    memory.person(0).talk(10).add(Exchange(100, LONELY))
    assert memory.talk_with(100)


def test_what_is_said_in_a_direct_message_is_unknown_in_a_thread():
    person = Memory().person(1)
    person.talk(10).add(Exchange(100, LONELY))
    later = Exchange(101, "And now?")
    assert person.talk(11).history(later) == []
    assert person.talk(10).history(later) == [{"role": "user", "content": LONELY}]


def test_a_talk_is_reminded_after_three_hours_and_after_twenty_exchanges():
    talk = Memory().person(1).talk(10)
    talk.noticed = 0.0
    assert not talk.notice_due(3 * 3600)
    assert talk.notice_due(3 * 3600 + 1)
    for number in range(20):
        talk.add(Exchange(number, CLARIFY))
    assert talk.notice_due(1)

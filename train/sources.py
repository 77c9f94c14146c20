"""The public texts that the generator learns English and conversation from, read from a local copy.

Each reader yields conversations: lists of messages, or one message of prose with the role "assistant". Nothing of
these texts is committed; only what a model learned from them is.
"""

import json
import lzma
import random
import re
from collections.abc import Iterator, Sequence
from pathlib import Path

from therapist.conversation import Message

# Slurs and explicit words: a line that has one is left out of every source. Stems, matched at a word's beginning.
COARSE = re.compile(
    r"\b(?:fuck|shit|cunt|bitch|whore|slut|fag|nigg|retard|porn|dick|cock|pussy|rape|bastard|tits|wank|kys|incel)", re.I
)
MARKUP = re.compile(
    r"https?://|www\.|@\w+|\[[^\]]*\]|<[^>]+>|[{}|\\^~]|[^\x00-\u024f\u2010-\u2026\u2190-\u27bf\U0001f300-\U0001faff]"
)


def rows(path: Path) -> Iterator[dict]:
    """Rows of one xz-compressed JSON-lines file."""
    with lzma.open(path, "rt", encoding="utf-8") as lines:
        for line in lines:
            yield json.loads(line)


def tidy(text: str) -> str:
    """One paragraph with single spaces and straight quotes, as people type."""
    text = text.replace("’", "'").replace("‘", "'").replace("“", '"').replace("”", '"').replace("\u00a0", " ")
    text = re.sub(r"\s+", " ", text).strip()
    return re.sub(r"\s+([,.!?;])", r"\1", text)


def clean(text: str) -> bool:
    """Whether a line may teach: no slurs, no links, no markup, mostly letters."""
    if not text or COARSE.search(text) or MARKUP.search(text):
        return False
    return sum(c.isalpha() or c in " '.,!?" for c in text) >= 0.85 * len(text)


def _dialogue(turns: list[list[str]], *, max_words: int = 80) -> list[Message]:
    """Turns as messages that alternate, the first speaker as the person; same-speaker neighbours are joined."""
    merged: list[tuple[str, str]] = []
    for speaker, text in turns:
        text = tidy(text)
        if merged and merged[-1][0] == speaker:
            merged[-1] = (speaker, merged[-1][1] + " " + text)
        else:
            merged.append((speaker, text))
    return [
        Message(role="user" if i % 2 == 0 else "assistant", content=" ".join(text.split()[:max_words]))
        for i, (_, text) in enumerate(merged)
    ]


def _pieces(messages: list[Message], turns: int = 8) -> Iterator[list[Message]]:
    """A long dialogue in runs of at most `turns` turns, each run wholly clean."""
    run: list[Message] = []
    for message in messages:
        if not clean(message["content"]):
            if len(run) > 1:
                yield run
            run = []
            continue
        run.append(message)
        if len(run) == turns:
            yield run
            run = []
    if len(run) > 1:
        yield run


def dialogues(path: Path, *, prefixes: Sequence[str] = ()) -> Iterator[list[Message]]:
    """Chats of two or more speakers; `prefixes` keeps only rows whose id begins with one of them."""
    for row in rows(path):
        if not prefixes or str(row["id"]).startswith(tuple(prefixes)):
            messages = _dialogue(row["turns"])
            for run in _pieces(messages):
                start = 0 if run[0]["role"] == "user" else 1
                if len(run) - start > 1:
                    yield run[start:]


def prose(path: Path, *, words: int = 160, share: float = 1.0, seed: int = 0) -> Iterator[list[Message]]:
    """Prose in chunks of whole sentences, as the assistant's text."""
    rng = random.Random(seed)
    for row in rows(path):
        chunk: list[str] = []
        for sentence in re.split(r"(?<=[.!?])\s+", tidy(row["text"])):
            chunk.append(sentence)
            if sum(len(s.split()) for s in chunk) >= words:
                text = " ".join(chunk)
                if clean(text) and rng.random() < share:
                    yield [Message(role="assistant", content=text)]
                chunk = []
        text = " ".join(chunk)
        if len(text.split()) > 3 and clean(text) and rng.random() < share:
            yield [Message(role="assistant", content=text)]


def counsel(path: Path) -> Iterator[list[Message]]:
    """Question and answer pairs, the answer cut to whole sentences within 120 words, its greeting left out."""
    for row in rows(path):
        (_, question), (_, answer) = row["turns"][0], row["turns"][-1]
        reply = opening(tidy(answer), words=120)
        if reply and clean(reply) and clean(tidy(question)):
            yield [
                Message(role="user", content=" ".join(tidy(question).split()[:120])),
                Message(role="assistant", content=reply),
            ]


GREETING = re.compile(
    r"^\W*(?:hi|hello|hey|dear|good (?:morning|afternoon|evening|day)|greetings|welcome|thank(?:s| you) (?:so much )?for"
    r"|\w+ ?,? thank you)\b[^.!?]{0,60}[.!?]+\s*",
    re.I,
)


def opening(answer: str, *, words: int) -> str:
    """The first whole sentences of an answer, at most `words` words, after any greeting ("Hi there." teaches nothing)."""
    answer = GREETING.sub("", answer)
    taken: list[str] = []
    for sentence in re.split(r"(?<=[.!?])\s+", answer):
        if taken and sum(len(s.split()) for s in taken) + len(sentence.split()) > words:
            break
        taken.append(sentence)
    text = " ".join(taken).strip()
    return text if len(text.split()) <= 2 * words else ""

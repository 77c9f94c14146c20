"""What a generated dialogue must be before it may teach: form, safety, and unlike all that was kept before it."""

import re
from collections import defaultdict
from collections.abc import Iterator, Sequence
from itertools import pairwise

from therapist.conversation import Message, assistant, user
from therapist.risk import assess
from therapist.text import words
from therapist.vetting import vet
from train.check_corpus import FORBIDDEN
from train.commands import TURNS

SPEAKER = re.compile(r"^[\s*_#>-]*(person|listener)[\s*_]*:[\s*_]*(.*?)[\s*_]*$", re.I)
THOUGHT = re.compile(r"<think>.*?(?:</think>|\Z)", re.S)
LONGEST = 140
"Words of one message of the person, as in the corpus."
OPENING = 4
"Words of a first message, or a first reply, that no other dialogue may begin with."
SHINGLE, ALIKE = 5, 0.2
"Words of a shingle, and the share of the shorter dialogue's shingles from which two say the same."


def parsed(text: str) -> list[tuple[str, str]]:
    """Speaker ("person" or "listener") and words of every message in an answer; empty if it is no dialogue.

    What stands before the first speaker is the model's preface. A line without a speaker after that belongs to nobody, so
    the answer is not taken.
    """
    found: list[tuple[str, str]] = []
    for line in THOUGHT.sub("", text).splitlines():
        if match := SPEAKER.match(line):
            found.append((match[1].lower(), match[2]))
        elif found and line.strip(" \t`*-_"):
            return []
    return found


def messages(turns: Sequence[tuple[str, str]]) -> list[Message]:
    return [user(text) if speaker == "person" else assistant(text) for speaker, text in turns]


def faults(turns: Sequence[tuple[str, str]]) -> Iterator[str]:
    """Everything wrong with a dialogue on its own, as `code: what was found`."""
    if not turns:
        yield "form: no lines of Person and Listener, or lines of nobody"
        return
    speakers = [speaker for speaker, _ in turns]
    if speakers != ["person", "listener"] * (len(turns) // 2):
        yield f"roles: {' '.join(s[0] for s in speakers)}, wanted p l p l ..."
        return
    if len(turns) not in TURNS:
        yield f"turns: {len(turns)}, wanted {TURNS.start} to {TURNS.stop - 1}"
    talk = messages(turns)
    asked = ["?" in m["content"] for m in talk[1::2]]
    if any(a and b for a, b in pairwise(asked)):
        yield "questions: the listener asks in two answers running"
    for i, message in enumerate(talk):
        yield from _of_message(message, talk[:i])


def _of_message(message: Message, before: Sequence[Message]) -> Iterator[str]:
    said = message["content"]
    if FORBIDDEN.search(said):
        yield f"forbidden: a link, a number or markup in {said!r}"
    if message["role"] == "assistant":
        yield from (f"{code}: {said!r}" for code in vet(said, before[-1]["content"], before[:-1]))
        return
    if not 1 <= len(words(said)) <= LONGEST:
        yield f"length: {len(words(said))} words in a message of the person"
    if assess(said, before).level == "crisis":
        yield f"crisis: no generated text may answer {said!r}"


class Kept:
    """What was kept so far, to compare with; `beside` are dialogues of other files."""

    def __init__(self, beside: Sequence[Sequence[Message]] = ()) -> None:
        self._openings: set[tuple[str, ...]] = set()
        self._replies: set[str] = set()
        self._sizes: list[int] = []
        self._places: dict[tuple[str, ...], list[int]] = defaultdict(list)
        for talk in beside:
            self.add(talk)

    def add(self, talk: Sequence[Message]) -> None:
        self._openings |= set(_openings(talk))
        self._replies |= {m["content"] for m in talk if m["role"] == "assistant"}
        found = _shingles(talk)
        for shingle in found:
            self._places[shingle].append(len(self._sizes))
        self._sizes.append(len(found))

    def faults(self, talk: Sequence[Message]) -> Iterator[str]:
        """In what a dialogue repeats an earlier one."""
        for opening in _openings(talk):
            if opening in self._openings:
                yield f"opening: another one begins with {' '.join(opening)!r}"
        for message in talk:
            if message["role"] == "assistant" and message["content"] in self._replies:
                yield f"reply: said before, {message['content']!r}"
        found, shared = _shingles(talk), defaultdict(int)
        for shingle in found:
            for place in self._places.get(shingle, ()):
                shared[place] += 1
        for place, count in shared.items():
            if count / max(1, min(len(found), self._sizes[place])) >= ALIKE:
                yield f"near-duplicate: {count} of {len(found)} runs of {SHINGLE} words are in an earlier one"
                return


def _openings(talk: Sequence[Message]) -> list[tuple[str, ...]]:
    """The first words of the first message and of the first reply, with who said them."""
    return [(m["role"], *words(m["content"].lower())[:OPENING]) for m in talk[:2]]


def _shingles(talk: Sequence[Message]) -> set[tuple[str, ...]]:
    said = [w for m in talk for w in words(m["content"].lower())]
    return {tuple(said[i : i + SHINGLE]) for i in range(len(said) - SHINGLE + 1)}

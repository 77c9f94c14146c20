"""A person's own clauses, turned to "you": "I missed my bus" becomes "You missed your bus".

To say a person's words back with the pronouns turned is the simplest reflection there is, and grammar is enough for it.
A small model that begins a draft so keeps to what was said, and has only the feeling or the question to find
(`endings`). The rules are data (`data/en/clauses.json`): English is the one language that the embedded model writes.
"""

import json
import re
from functools import cache
from itertools import cycle, islice
from pathlib import Path

from therapist.text import words

FILE = Path(__file__).parent / "data" / "en" / "clauses.json"
LENGTH = (3, 18)
"Words of a clause that is said back; shorter says nothing, longer is an echo."
NAMES = ("first_person", "not_said_back", "begins_badly", "subject", "of_the_person", "pauses", "hangs")
FRAGMENT = (2, 10)
"Words of a sentence without a verb that is said back where there is no clause."
SHOUTED = 3
"Words in capitals, if they are most of a sentence, from which it was typed so and means nothing by it."
PICTURES = re.compile("[\u2600-\u27bf\ufe0f\u200d\U0001f000-\U0001ffff]+")
SENTENCE_END = re.compile(r"(?<=[.!?\n])\s+")


def turn(clause: str) -> str:
    """A clause in the first person, said to the person: "I was late to my class" -> "you were late to your class"."""
    for pattern, said in _rules()["turns"]:
        clause = pattern.sub(said, clause)
    return clause


def spelled(text: str) -> str:
    """A text with the commonest slips and short forms written out, as who says it back would: "cant" -> "can't"."""
    for pattern, said in _rules()["spelled"]:
        text = pattern.sub(said, text)
    return text


def clauses(text: str) -> list[str]:
    """The clauses of a text that can be said back, as the person wrote them, those in the first person first.

    No question, no greeting, nobody addressed; a subject left out ("told my boss") is put in ("i told my boss").
    """
    rules = _rules()
    found: dict[str, None] = {}
    for sentence in SENTENCE_END.split(text):
        whole = _tidied(sentence)
        for part in [whole, *rules["parts"].split(whole)]:
            long = len(words(part)) > LENGTH[1] or not _with_subject(part)
            for piece in rules["pauses"].split(part) if long else [part]:
                if long and rules["hangs"].search(piece.strip(" ,")):
                    continue
                clause = _with_subject(piece.strip(" ,"))
                if (
                    clause
                    and LENGTH[0] <= len(words(clause)) <= LENGTH[1]
                    and not rules["not_said_back"].search(clause)
                ):
                    found[clause] = None
    return sorted(found, key=lambda clause: not rules["first_person"].search(clause))


def fragments(text: str) -> list[str]:
    """Sentences that are no clauses and can be said back all the same: "My sister. MY SISTER" -> "My sister"."""
    rules = _rules()
    whole = map(_tidied, SENTENCE_END.split(text))
    return [
        sentence
        for sentence in whole
        if FRAGMENT[0] <= len(words(sentence)) <= FRAGMENT[1]
        and not rules["not_said_back"].search(sentence)
        and not rules["begins_badly"].match(sentence)
    ]


def beginnings(statement: str, n: int) -> list[str]:
    """How n drafts begin: with what can be said back, turned, one after the other; "" where nothing can."""
    statement = spelled(statement)
    found = clauses(statement)
    # "You told him" alone leaves open what of: three words are said back where there are no more.
    said = [c for c in found if len(words(c)) > LENGTH[0]] or found or fragments(statement)
    turned = list(dict.fromkeys(t[:1].upper() + t[1:] for t in map(turn, said)))
    return list(islice(cycle(turned or [""]), n))


def _tidied(sentence: str) -> str:
    """A sentence without stops and little pictures, and in small letters where it was typed in capitals."""
    sentence = " ".join(PICTURES.sub(" ", sentence).split()).strip(" .!,-")
    long = [word for word in words(sentence) if len(word) > 2]
    shouted = sum(word.isupper() for word in long)
    return sentence.lower() if shouted >= SHOUTED and shouted > len(long) / 2 else sentence


def _with_subject(clause: str) -> str | None:
    """The clause with its subject, or None when it is none: a command, a question, a scrap."""
    rules = _rules()
    for pattern, subject in rules["dropped"]:
        if pattern.match(clause) and not rules["of_the_person"].search(clause):
            return subject + clause[:1].lower() + clause[1:]
    return clause if rules["subject"].match(clause) and not rules["begins_badly"].match(clause) else None


@cache
def _rules() -> dict:
    table = json.loads(FILE.read_text(encoding="utf-8"))
    rules: dict = {n: re.compile(table[n], re.I) for n in NAMES}
    rules["parts"] = re.compile("|".join(table["parts"]), re.I)
    for name in ("spelled", "turns", "dropped"):
        rules[name] = [(re.compile(pattern, re.I), said) for pattern, said in table[name]]
    return rules

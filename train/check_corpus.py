"""`python -m train check-corpus`: the corpus guide's rules, measured; a breach is an error.

The rules of sameness (openings, lengths, details, questions) are shares over the whole corpus; the rules of form and
safety hold for every entry.
"""

import re
from collections import Counter
from collections.abc import Iterator

from therapist.reranker import content_words
from therapist.text import words
from therapist.vetting import vet
from train import corpus

VOICES = {"plain", "texting", "rambling", "terse", "formal", "typos", "young", "older", "second-language"}
REASONS = {
    "greeting-only", "generic", "off-topic", "dismissive", "blaming", "advice-dump", "diagnosis", "medication", "claims-feeling", "claims-human",
    "echo", "role-flip", "toxic-positivity", "interrogation", "contradicts", "unsafe", "collusion",
}  # fmt: skip
FIELDS = {"id", "concern", "emotion", "voice", "author", "history", "statement", "reflections", "plain", "rejected"}
SISTERS = re.compile(r"(?:it |that |this )?(?:sounds|seems|feels) ", re.I)
FORBIDDEN = re.compile(r"https?:|www\.|\d{5,}|[<>{}*#]|@\w")
MARGIN = 0.04
"Most replies that may share three opening words."


def breaches(entries: list[dict], *, whole: bool = True) -> Iterator[str]:
    """Every rule that is broken, as a sentence. `whole` also measures the shares that only a whole corpus can keep."""
    seen: dict[str, str] = {}
    for entry in entries:
        yield from _form(entry)
        for reply in corpus.good(entry) if set(entry) >= FIELDS else ():
            if reply in seen:
                yield f"{entry['id']} says what {seen[reply]} says: {reply!r}"
            seen[reply] = entry["id"]
    if whole:
        yield from _shares(entries)


def _form(entry: dict) -> Iterator[str]:
    where = entry.get("id", "?")
    if missing := FIELDS - set(entry):
        yield f"{where} lacks {sorted(missing)}."
        return
    if entry["voice"] not in VOICES:
        yield f"{where} has the voice {entry['voice']!r}; known are {sorted(VOICES)}."
    if not 2 <= len(corpus.good(entry)) <= 7 or not 2 <= len(entry["rejected"]) <= 5:
        yield f"{where} has {len(corpus.good(entry))} good and {len(entry['rejected'])} rejected replies."
    if not 1 <= len(words(entry["statement"])) <= 140:
        yield f"{where} has a statement of {len(words(entry['statement']))} words."
    roles = [m["role"] for m in entry["history"]]
    if roles != ["user", "assistant"] * (len(roles) // 2):
        yield f"{where} has earlier turns that do not alternate from the person to the bot: {roles}."
    for rejected in entry["rejected"]:
        if rejected["why"] not in REASONS:
            yield f"{where} rejects for {rejected['why']!r}; known are {sorted(REASONS)}."
    for text in [entry["statement"], *corpus.good(entry)]:
        if FORBIDDEN.search(text):
            yield f"{where} has a link, a number, a name or markup that must not be there: {text!r}"
    for reply in corpus.good(entry):
        if reply.count("?") > 1:
            yield f"{where} asks twice in one reply: {reply!r}"
        if reasons := vet(reply, entry["statement"], entry["history"]):
            yield f"{where} has a good reply that the output gate refuses ({', '.join(reasons)}): {reply!r}"


def _shares(entries: list[dict]) -> Iterator[str]:
    t = measure(entries)
    for opening, share in t["openings"]:
        if share > MARGIN:
            yield f"{share:.1%} of the replies open with {opening!r}; at most {MARGIN:.0%} may."
    rules = [
        ("sounds, seems or feels like open", t["sisters"], 0, 0.20),
        ("words of the shortest tenth of the replies", t["p10"], 0, 12),
        ("words of the longest tenth of the replies", t["p90"], 24, 60),
        ("replies that carry a detail", t["detail"], 0.5, 1),
        ("entries with earlier turns", t["history"], 0.15, 1),
    ]
    for name, value, least, most in rules:
        if not least <= value <= most:
            yield f"{name}: {value:.3g}, wanted {least} to {most}."
    for concern in corpus.CONCERNS:
        here = [e for e in entries if e["concern"] == concern]
        if len(here) < 60:
            yield f"{concern} has {len(here)} entries, wanted 60."
        if lacking := VOICES - {e["voice"] for e in here}:
            yield f"{concern} lacks the voices {sorted(lacking)}."


LANGUAGES = ("es", "fr", "de", "pt", "it", "nl", "pl", "ru", "tr", "ar", "hi", "zh")


def lacking() -> Iterator[str]:
    """What the corpus's other parts have too little of."""
    from train.judging import JUDGEMENTS, agreement

    risk, judged = corpus.risk(), corpus.judged()
    languages = Counter(r["language"] for r in risk)
    wanted = {
        "dialogues": (len(corpus.lines(corpus.FOLDER / "dialogues.jsonl")), 500),
        "exercise answers": (len(corpus.lines(corpus.FOLDER / "feedback.jsonl")), 300),
        "risk sentences": (len(risk), 3000),
        "harmless risk sentences in ten": (10 * sum(r["level"] == "none" for r in risk) // max(1, len(risk)), 4),
        "judged replies": (sum(r["judgement"] in JUDGEMENTS for r in judged), 1500),
        "replies judged twice": (agreement(judged)["judged twice"], 300),
        **{f"risk sentences in {name}": (languages[name], 60) for name in LANGUAGES},
    }
    yield from (f"{found} {name}, wanted {least}." for name, (found, least) in wanted.items() if found < least)


def measure(entries: list[dict]) -> dict:
    """The figures of the dataset card."""
    replies = [(r, e) for e in entries for r in corpus.good(e)]
    n = max(1, len(replies))
    lengths = sorted(len(words(r)) for r, _ in replies) or [0]
    openings = Counter(" ".join(words(r.lower())[:3]) for r, _ in replies)
    told = {
        e["id"]: " ".join([e["statement"], *(m["content"] for m in e["history"] if m["role"] == "user")])
        for e in entries
    }
    return {
        "entries": len(entries),
        "good replies": len(replies),
        "plain replies": sum(len(e["plain"]) for e in entries),
        "rejected replies": sum(len(e["rejected"]) for e in entries),
        "authors": len({e["author"] for e in entries}),
        "history": sum(bool(e["history"]) for e in entries) / max(1, len(entries)),
        "openings": [(o, c / n) for o, c in openings.most_common(5)],
        "sisters": sum(bool(SISTERS.match(r)) for r, _ in replies) / n,
        "p10": lengths[len(lengths) // 10],
        "median": lengths[len(lengths) // 2],
        "p90": lengths[len(lengths) * 9 // 10],
        "questions": sum("?" in r for r, _ in replies) / n,
        "detail": sum(bool(content_words(r) & content_words(told[e["id"]])) for r, e in replies) / n,
        "reasons": Counter(r["why"] for e in entries for r in e["rejected"]),
        "voices": Counter(e["voice"] for e in entries),
    }

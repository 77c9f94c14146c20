"""`python -m train evaluate safety`: who in danger is found, and what the gate lets through, on the test split.

A sentence goes through `Api.reply`, so what is counted is the answer that a person meets, not a label inside. Only the
generator is left out: a draft can stand before a check-in and never in its place.
"""

import json
import re
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from therapist import Settings, Therapist
from therapist.api import Api
from therapist.reranker import Candidate
from therapist.risk import DATA, RANK, Level, assess, compile_patterns
from therapist.risk_classifier import RiskClassifier, higher
from therapist.vetting import vet
from train import corpus
from train.risk import turns

LEVELS: tuple[Level, ...] = ("crisis", "concern", "none")
HARMFUL = {"unsafe", "medication", "diagnosis", "collusion", "claims-human", "claims-feeling", "dismissive", "blaming"}
"Why authors rejected a reply, where the reply could do harm; the other reasons are the ranker's to see."
FLOOR = Path(__file__).with_name("safety_floor.json")
SAFETY = Path(__file__).parents[1] / "SAFETY.md"
BEGIN, END = "<!-- figures: python -m train evaluate safety --write -->", "<!-- end of figures -->"
WORDS_SHOWN = 16
"Longest sentence that is shown as an example."
Share = tuple[int, int]
"How many, of how many."


@dataclass(frozen=True)
class Measured:
    """Risk sentences with the levels that patterns alone find, that are found without an encoder, and that the answer shows."""

    rows: list[dict]
    patterns: list[Level]
    spelled: list[Level]
    "Levels found where no encoder loads: patterns and the reader of spelling."
    met: list[Level]
    ordinary: list[Level]
    "Levels met by the corpus's ordinary statements."
    asked: list[Level]
    "Levels met by greetings, thanks and questions to the program, and by what looks like them."
    strangers: list[tuple[str, Level]]
    "Level meant and level met of everyday messages by an author of whom the readers learned nothing."
    harmful: list[tuple[str, Candidate]]
    "Why authors rejected a reply that could do harm, and what gate and score make of it."
    good: list[tuple[str, ...]]
    "The gate's reasons against each of authors' good replies."


def measure() -> Measured:
    """Everything on the test split; some 40 s of processor time."""
    therapist = Therapist(Settings())
    therapist.load()
    therapist._generator = None
    api, rows, entries = Api(therapist), corpus.risk("test"), corpus.entries("test")
    spelling = RiskClassifier.load(None)
    alone = [assess(row["message"], turns(row)) for row in rows]
    return Measured(
        rows,
        [found.level for found in alone],
        [
            higher(found, spelling.assess(row["message"], turns(row))).level
            for row, found in zip(rows, alone, strict=True)
        ],
        [_met(api, row["message"], turns(row)) for row in rows],
        [api.assess_risk(e["statement"], e["history"])["level"] for e in entries],
        [api.assess_risk(statement)["level"] for statement in corpus.asked("test")],
        [(row["level"], _met(api, row["message"], turns(row))) for row in corpus.risk("strangers")],
        [
            (whys[candidate.text], candidate)
            for e in entries
            for whys in [{r["text"]: r["why"] for r in e["rejected"] if r["why"] in HARMFUL}]
            for candidate in therapist.rank(e["statement"], list(whys), e["history"])
        ],
        [vet(reply, e["statement"], e["history"]) for e in entries for reply in corpus.good(e)],
    )


def _passes(candidate: Candidate) -> bool:
    """Whether the gate let it through to be scored."""
    return bool(candidate.parts)


def _met(api: Api, message: str, history: Sequence) -> Level:
    """The protocol, a check-in, or neither."""
    reply = api.reply(message, list(history))
    return "crisis" if reply.route == "crisis" else "concern" if reply.risk.level != "none" else "none"


def shares(m: Measured, found: Sequence[Level]) -> dict[str, Share]:
    """Every figure of the levels found in the risk sentences, by name."""

    def of(level: str, least: str, **fields: str) -> Share:
        chosen = [
            f
            for row, f in zip(m.rows, found, strict=True)
            if row["level"] == level and all(row[k] == v for k, v in fields.items())
        ]
        return sum(RANK[f] >= RANK[least] for f in chosen), len(chosen)

    shown = {
        "crisis found as crisis": of("crisis", "crisis"),
        "crisis found at least as concern": of("crisis", "concern"),
        "explicit crisis found": of("crisis", "crisis", form="explicit"),
        "concern found at least as concern": of("concern", "concern"),
        "none called crisis": of("none", "crisis"),
        "none called at least concern": of("none", "concern"),
        "idioms called at least concern": of("none", "concern", form="idiom"),
    }
    for field in ("kind", "language"):
        for name in _names(m.rows, field):
            shown[f"crisis found, {name}"] = of("crisis", "crisis", **{field: name})
            shown[f"concern found at least as concern, {name}"] = of("concern", "concern", **{field: name})
            shown[f"none called at least concern, {name}"] = of("none", "concern", **{field: name})
    return shown


def others(m: Measured) -> dict[str, Share]:
    """Alarms on ordinary statements, and what the gate does to authors' replies."""
    harmful = [c for _, c in m.harmful]

    def strange(level: Level, least: Level) -> Share:
        found = [f for meant, f in m.strangers if meant == level]
        return sum(RANK[f] >= RANK[least] for f in found), len(found)

    return {
        "ordinary statements called crisis": (m.ordinary.count("crisis"), len(m.ordinary)),
        "ordinary statements called at least concern": (sum(f != "none" for f in m.ordinary), len(m.ordinary)),
        "greetings and questions called crisis": (m.asked.count("crisis"), len(m.asked)),
        "greetings and questions called at least concern": (sum(f != "none" for f in m.asked), len(m.asked)),
        "a stranger's crises found as crisis": strange("crisis", "crisis"),
        "a stranger's crises found at least as concern": strange("crisis", "concern"),
        "a stranger's concerns found at least as concern": strange("concern", "concern"),
        "a stranger's harmless messages called crisis": strange("none", "crisis"),
        "a stranger's harmless messages called at least concern": strange("none", "concern"),
        "harmful replies that pass the gate": (sum(map(_passes, harmful)), len(harmful)),
        "harmful replies that gate and score let be said": (sum(c.qualifies for c in harmful), len(harmful)),
        "good replies that the gate refuses": (sum(map(bool, m.good)), len(m.good)),
    }


def below(m: Measured) -> list[str]:
    """The figures that fell: under what they must reach, or over what they may."""
    known, floor = shares(m, m.met) | others(m), json.loads(FLOOR.read_text(encoding="utf-8"))
    at = {name: hits / total for name, (hits, total) in known.items() if total}
    return [f"{name}: {at[name]:.3f}, at least {least}" for name, least in floor["at least"].items() if at[name] < least] + [
        f"{name}: {at[name]:.3f}, at most {most}" for name, most in floor["at most"].items() if at[name] > most
    ]  # fmt: skip


def table(m: Measured) -> str:
    """What stands in SAFETY.md."""
    met, patterns, spelled, rest = shares(m, m.met), shares(m, m.patterns), shares(m, m.spelled), others(m)
    first = [
        (name, share(*patterns[name]), share(*spelled[name]), share(*found))
        for name, found in met.items()
        if ", " not in name
    ]
    first += [(name, "", "", share(*found)) for name, found in rest.items()]
    return "\n\n".join([
        _grid(("share", "patterns alone", "and spelling, where no encoder loads", "as a person meets it"), first),
        "What was meant, and what was met as crisis / check-in / nothing:",
        _grid(("meant", *LEVELS), [("as a person meets it", *_matrix(m.rows, m.met)), ("patterns alone", *_matrix(m.rows, m.patterns))]),
        *(_grid((field, "crisis found", *LEVELS), list(_by(m, met, field))) for field in ("kind", "language")),
        "Harmful replies, by why authors rejected them, behind the gate (`therapist/vetting.py`) and behind the score:",
        _grid(("rejected as", "pass the gate", "may be said"), list(_rejected(m))),
        "Of what it misses (English, without the sentences that name a means):",
        "\n".join(f"- {line}" for line in _missed(m)),
    ])  # fmt: skip


def write(text: str, path: Path = SAFETY) -> None:
    """Put the tables between their marks in SAFETY.md."""
    before, _, rest = path.read_text(encoding="utf-8").partition(BEGIN)
    path.write_text(f"{before}{BEGIN}\n\n{text}\n\n{END}{rest.partition(END)[2]}", encoding="utf-8")


def wilson(hits: int, total: int, z: float = 1.96) -> tuple[float, float]:
    """The 95 % Wilson interval of a share."""
    if not total:
        return 0.0, 1.0
    p, square = hits / total, z * z
    centre, spread = p + square / (2 * total), z * ((p * (1 - p) + square / (4 * total)) / total) ** 0.5
    return (centre - spread) / (1 + square / total), (centre + spread) / (1 + square / total)


def share(hits: int, total: int) -> str:
    """A share with its interval, as a person reads it."""
    low, high = wilson(hits, total)
    return f"{hits / max(1, total):.3f} [{low:.3f}, {high:.3f}] of {total}"


def _grid(head: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    return "\n".join(f"| {' | '.join(row)} |" for row in (head, ["---"] * len(head), *rows))


def _names(rows: list[dict], field: str) -> list[str]:
    """Kinds or languages, the commonest first."""
    return [name for name, _ in Counter(sorted(r[field] for r in rows if r["level"] == "crisis")).most_common()]


def _matrix(rows: Sequence[dict], found: Sequence[Level]) -> list[str]:
    """For each level that was meant, how many met crisis, check-in and nothing."""
    pairs = Counter((row["level"], f) for row, f in zip(rows, found, strict=True))
    return [" / ".join(str(pairs[meant, f]) for f in LEVELS) for meant in LEVELS]


def _by(m: Measured, met: dict[str, Share], field: str):
    for name in _names(m.rows, field):
        chosen = [(row, f) for row, f in zip(m.rows, m.met, strict=True) if row[field] == name]
        yield name, share(*met[f"crisis found, {name}"]), *_matrix(*map(list, zip(*chosen, strict=True)))


def _rejected(m: Measured):
    for why, total in Counter(why for why, _ in m.harmful).most_common():
        of_it = [c for w, c in m.harmful if w == why]
        yield why, share(sum(map(_passes, of_it)), total), share(sum(c.qualifies for c in of_it), total)
    for reason, lost in Counter(reason for reasons in m.good for reason in reasons).most_common():
        yield f"good, refused as {reason}", share(len(m.good) - lost, len(m.good)), ""


def _missed(m: Measured):
    """For each kind the shortest sentences that met nothing, and the shortest harmless ones that met the protocol."""
    data = json.loads((DATA / "en" / "risk.json").read_text(encoding="utf-8"))
    means = compile_patterns(["<means>", "<pills>", "<place>", "<body>"], data)
    shown = sorted(
        (len(row["message"]), row["message"], row, found)
        for row, found in zip(m.rows, m.met, strict=True)
        if row["language"] == "en" and not row["history"] and len(row["message"].split()) <= WORDS_SHOWN
        and not re.search(r"\d", row["message"]) and not means.search(row["message"].lower())
    )  # fmt: skip
    for kind in _names(m.rows, "kind"):
        for level in ("crisis", "concern"):
            of_kind = [t for _, t, row, f in shown if (row["kind"], row["level"], f) == (kind, level, "none")]
            yield from (f"{kind}, {level}, met nothing: “{text}”" for text in of_kind[:1])
    calm = [t for _, t, row, found in shown if (row["level"], found) == ("none", "crisis")]
    yield from (f"no danger, met the protocol: “{text}”" for text in calm[:3])

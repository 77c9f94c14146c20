"""`python -m train corpus-card`: the table and the two plots of what is in the corpus, into its card."""

import re
from collections import Counter
from pathlib import Path

from train import corpus
from train.check_corpus import measure
from train.judging import agreement

CARD = corpus.FOLDER / "README.md"
BEGIN, END = "<!-- figures: python -m train corpus-card -->", "<!-- end of figures -->"


def table() -> str:
    """Everything in the corpus, counted."""
    entries = corpus.entries()
    m = measure(entries)
    rows = [
        ("reflection entries", f"{m['entries']:,}"), ("good replies", f"{m['good replies']:,}, {m['plain replies']:,} of them plain"), ("rejected replies", f"{m['rejected replies']:,}"),
        ("authors' briefs", m["authors"]), ("entries with earlier turns", f"{m['history']:.0%}"), ("commonest opening (three words)", f"{m['openings'][0][0]!r} {m['openings'][0][1]:.1%}"),
        ("open with sounds, seems or feels like", f"{m['sisters']:.1%}"), ("words of a reply, 10th, 50th, 90th percentile", f"{m['p10']}, {m['median']}, {m['p90']}"),
        ("replies with a question", f"{m['questions']:.0%}"), ("replies that carry a detail", f"{m['detail']:.0%}"),
    ]  # fmt: skip
    for part in ("dialogues", "feedback"):
        path = corpus.FOLDER / f"{part}.jsonl"
        if path.exists():
            found = corpus.lines(path)
            rows.append((part, f"{len(found):,}, {sum(len(r['messages']) for r in found):,} turns"))
    if found := corpus.risk():
        levels = Counter(r["level"] for r in found)
        rows.append(
            ("risk sentences", f"{len(found):,}: " + ", ".join(f"{n:,} {level}" for level, n in levels.most_common()))
        )
        rows.append(
            (
                "languages of risk sentences",
                ", ".join(f"{name} {n:,}" for name, n in Counter(r["language"] for r in found).most_common()),
            )
        )
    if judged := corpus.judged():
        twice = agreement(judged)
        counts = Counter((r["origin"], r["judgement"]) for r in judged)
        rows.append(
            (
                "judged replies",
                f"{len(judged):,}: " + ", ".join(f"{n:,} of the {o} {j}" for (o, j), n in counts.most_common()),
            )
        )
        rows.append(
            (
                "judged twice",
                f"{twice['judged twice']}: the same {twice['same']:.0%}, kappa {twice['kappa']:.2f}, agree on must-not {twice['agree on must-not']:.0%}",
            )
        )
    rows.append(
        (
            "splits (dev, test, strangers)",
            ", ".join(str(sum(s == w for s in corpus.splits().values())) for w in ("dev", "test", "strangers")),
        )
    )
    return "\n".join(["| what | figure |", "| --- | --- |", *(f"| {k} | {v} |" for k, v in rows)])


def plots(folder: Path) -> None:
    """Entries and rejection reasons, and the lengths of statements and replies, as two small pictures."""
    import matplotlib

    matplotlib.use("Agg")
    import matplotlib.pyplot as plt

    from therapist.text import words

    entries = corpus.entries()
    concerns, reasons = Counter(e["concern"] for e in entries), measure(entries)["reasons"]
    figure, (left, right) = plt.subplots(1, 2, figsize=(11, 8), layout="constrained")
    for axes, counts, title in ((left, concerns, "entries by concern"), (right, reasons, "rejected replies by reason")):
        names = [n for n, _ in counts.most_common()][::-1]
        axes.barh(names, [counts[n] for n in names], color="#3f7f73")
        axes.set_title(title)
        axes.tick_params(axis="y", labelsize=8)
    figure.savefig(folder / "concerns.png", dpi=70)
    figure, axes = plt.subplots(figsize=(7, 3), layout="constrained")
    lengths = (
        [len(words(e["statement"])) for e in entries],
        [len(words(r)) for e in entries for r in corpus.good(e)],
    )
    axes.hist(
        lengths, bins=range(0, 125, 5), label=("statements", "good replies"), color=("#b8a06a", "#3f7f73"), density=True
    )
    axes.set_xlabel("words")
    axes.legend()
    figure.savefig(folder / "lengths.png", dpi=70)


def write() -> str:
    """Put the table between its marks in the card and draw the plots beside it."""
    text = CARD.read_text(encoding="utf-8")
    figures = f"{BEGIN}\n\n{table()}\n\n![entries and reasons](concerns.png)\n![lengths](lengths.png)\n\n{END}"
    CARD.write_text(
        re.sub(re.escape(BEGIN) + ".*?" + re.escape(END), lambda _: figures, text, flags=re.S), encoding="utf-8"
    )
    plots(corpus.FOLDER)
    return table()

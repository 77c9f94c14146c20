"""What `bench` has measured, as a table and as plots."""

from pathlib import Path
from typing import Any

from train.engines import OURS

Found = dict[str, Any]
CASE = "n=4, context 50"


def _rows(head: list[str], rows: list[list[Any]]) -> str:
    def line(cells: list[Any]) -> str:
        return "| " + " | ".join(str(c) for c in cells) + " |"

    return "\n".join([line(head), line(["---"] * len(head)), *map(line, rows)]) + "\n"


def ratios(found: Found) -> dict[str, float]:
    """The bars of issue 9, as ratios within this run."""
    drafts, pages = found["drafting"], list(found["people"].values())
    ours, theirs = drafts[OURS], [taken[CASE] for name, taken in drafts.items() if name.startswith("generate, float32")]
    others = [taken[CASE] for name, taken in drafts.items() if not name.startswith("decoder")]
    part = found["parts"]["n=8"]
    mine, generate = pages[0], pages[1]
    return {
        "n=4 x 60: the better of generate float32 over ours (wanted 4)": min(theirs) / ours[CASE],
        "n=4 x 60: the fastest other engine over ours (wanted 1)": min(others) / ours[CASE],
        "n=8 over n=4 (wanted below 1.5)": ours["n=8, context 50"] / ours[CASE],
        "risk, vetting, reranking of the total, n=8 (wanted below 0.15)": 1 - part["drafting"] / part["total"],
        "eight people, replies/s over the page with generate (wanted 8)": mine[8]["replies/s"]
        / generate[8]["replies/s"],
        "eight people, replies/s over one person (wanted 1.8)": mine[8]["replies/s"] / mine[1]["replies/s"],
    }


def table(found: Found, quick: bool) -> str:
    """Everything as Markdown."""
    start, limit, memory = found["start"], found["limit"], found["people"]["memory"][0]["MB"]
    cases = list(found["drafting"][OURS])
    engines = [[name, *(f"{t[c]:.0f}" if c in t else "" for c in cases)] for name, t in found["drafting"].items()]
    floor = ", ".join(f"{name} {ms:.0f}" for name, ms in limit.items() if not name.startswith("GB"))
    parts = found["parts"]
    crowds = [
        [name, size, *(f"{c[k]:.2f}" for k in ("replies/s", "p50", "p95", "p99")), f"{c['drafts']:.1f}"]
        for name, sizes in found["people"].items() if name != "memory" for size, c in sizes.items()
    ]  # fmt: skip
    blocks = [
        "# Benchmark\n",
        "Written by `python -m train bench`" + (" --quick" if quick else "") + ". Ratios count; seconds count on an idle machine only.\n",
        _rows(["bar", "measured"], [[name, f"{value:.2f}"] for name, value in ratios(found).items()]),
        f"Cold start: page after {start['page after s']:.2f} s, first reply after {start['first reply after s']:.2f} s. "
        f"Memory of the page at its peak: {memory:.0f} MB.\n",
        "## Drafting: milliseconds for n candidates of 60 tokens\n",
        _rows(["engine", *cases], engines),
        f"Limit for {CASE}, if 60 steps only read weights and cache at {limit['GB/s with one thread']:.1f} GB/s, in ms: {floor}.\n",
        "![engines](engines.png)\n",
        "## Parts of a reply, milliseconds\n",
        _rows(["", *parts["n=8"]], [[n, *(f"{v:.1f}" for v in p.values())] for n, p in parts.items()]),
        "## People at once, without think time\n",
        _rows(["page", "people", "replies/s", "p50 s", "p95 s", "p99 s", "drafts each"], crowds),
        "## What fewer drafts cost\n",
        _rows(["n", "statements with a reply that qualifies", "mean best score"],
              [[n, f"{q['qualifies']:.2f}", f"{q['score']:.2f}"] for n, q in found["quality"].items()]),
        "## Growth\n\n![growth](growth.png)\n\nThe number at each curve is the exponent between its last two points.\n",
    ]  # fmt: skip
    return "\n".join(blocks)


def plots(found: Found, out: Path) -> None:
    """`engines.png` and `growth.png`."""
    import matplotlib

    matplotlib.use("Agg")
    import matplotlib.pyplot as plt

    times = {name: taken[CASE] for name, taken in found["drafting"].items()}
    names = sorted(times, key=lambda n: -times[n])
    figure, axis = plt.subplots(figsize=(7, 2.8), layout="constrained")
    axis.barh(names, [times[n] for n in names], color=["#2b6" if n == OURS else "#99a" for n in names])
    axis.set_xlabel(f"ms for 60 tokens, {CASE}")
    figure.savefig(out / "engines.png", dpi=90)
    ours = found["drafting"][OURS]
    curves = {
        "candidates": {n: ours[f"n={n}, context 50"] for n in (1, 4, 8, 16)},
        "context, tokens (n=8)": {c: ours[f"n=8, context {c}"] for c in (50, 200, 450)},
        "references in the bank": {int(k): v for k, v in found["banks"].items()},
        "people in one loop (n=4)": {int(k): v * int(k) for k, v in found["together"].items()},
    }
    figure, axes = plt.subplots(1, 4, figsize=(12, 2.8), layout="constrained")
    for axis, (name, curve) in zip(axes, curves.items(), strict=True):
        _growth(axis, name, curve)
    figure.savefig(out / "growth.png", dpi=90)


def _growth(axis: Any, name: str, curve: dict[int, float]) -> None:
    from math import log

    (a, ta), (b, tb) = list(curve.items())[-2:]
    axis.loglog(list(curve), list(curve.values()), "o-", color="#2b6")
    axis.annotate(f"{log(tb / ta) / log(b / a):.2f}", (b, tb), xytext=(-28, 0), textcoords="offset points")
    axis.set_xlabel(name)
    axis.set_ylabel("ms")
    axis.set_xticks(list(curve), list(curve))
    axis.set_yticks(list(curve.values()), [f"{ms:.3g}" for ms in curve.values()])
    axis.minorticks_off()

"""`python -m train bench [--quick]`: how fast the page is, what it is compared with, and how time grows.

Everything is measured on the shipped weights in one run: repetitions of what is compared are interleaved and medians
are given, because machines drift. Ratios within a run count, seconds count on an idle machine only. It writes
`train/bench/README.md`, `engines.png` and `growth.png`. onnxruntime is measured where it is installed
(`pip install onnx==1.22.0 onnxruntime==1.31.1`).
"""

import itertools
import json
import statistics
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np

from therapist import Settings, Therapist
from therapist.conversation import user
from therapist.decoder import Decoder, Draft
from therapist.generators import EMBEDDED_FOLDER
from therapist.reranker import Bank
from therapist.vetting import vet
from train import corpus, engines
from train.evaluate import ROOT, awaited_page, free_port, post, timing

OUT = Path(__file__).parent / "bench"
TOKENS = 60
COUNTS, CONTEXTS, CROWDS, BANKS = (1, 4, 8, 16), (50, 200, 450), (1, 2, 8, 32), (2_000, 10_000, 30_000, 100_000)
"450 tokens is what fits the window of 512 beside a reply; the page cuts a talk of 700 to that."


def medians(tasks: dict[Any, Callable[[], Any]], repeats: int) -> dict[Any, float]:
    """Median milliseconds of each task; each is run once unmeasured, then all in turn."""
    taken: dict[Any, list[float]] = {name: [] for name in tasks}
    for repeat in range(repeats + 1):
        for name, task in tasks.items():
            begin = time.perf_counter()
            task()
            if repeat:
                taken[name].append(1000 * (time.perf_counter() - begin))
    return {name: statistics.median(times) for name, times in taken.items()}


def drafting(repeats: int) -> dict[str, dict[str, float]]:
    """Milliseconds for n candidates of 60 tokens each, by engine and by "n x context"."""
    import torch

    known = engines.available()
    tasks = {}
    for context in CONTEXTS:
        prompt = list(range(100, 100 + context))
        for n in COUNTS if context == CONTEXTS[0] else (4, 8):
            for name, draft in known.items():
                if name in engines.FAST or n in (4, 8):
                    tasks[name, f"n={n}, context {context}"] = lambda d=draft, p=prompt, n=n: d(p, n, TOKENS)
    found: dict[str, dict[str, float]] = {name: {} for name in known}
    for (name, case), taken in medians(tasks, repeats).items():
        found[name][case] = taken
    torch.set_num_threads(1)  # as the page computes, whatever engine came last
    return found


def crowd_steps(repeats: int) -> dict[int, float]:
    """Milliseconds of decoding n = 4 x 60 tokens for one person when so many are decoded together in one loop."""
    import torch

    decoder = Decoder(EMBEDDED_FOLDER)
    decoder.end = -1

    def together(people: int) -> None:
        with torch.inference_mode():
            drafts = [Draft(list(range(100, 150)), [[]] * 4, TOKENS, seed, float("inf")) for seed in range(people)]
            for draft in drafts:
                decoder.begin(draft)
            while drafts[0].live:
                decoder.step(drafts)

    found = medians({people: lambda p=people: together(p) for people in CROWDS}, repeats)
    return {people: taken / people for people, taken in found.items()}


def limit(context: int, n: int) -> dict[str, float]:
    """Milliseconds that 60 steps take if they only read the weights and the cache, by precision, and the bandwidth."""
    import torch

    block = torch.ones(64 << 20)
    bandwidth = block.numel() * 4 / (medians({0: lambda: block.sum()}, 5)[0] / 1000)
    weights = sum(t.numel() for t in engines.tensors().values() if t.dim() == 2)
    shape = json.loads((EMBEDDED_FOLDER / "config.json").read_text())
    places = context + n * TOKENS / 2
    cache = 8 * shape["hidden_size"] * shape["num_hidden_layers"] * places
    read = {"float32": 4 * weights, "bfloat16": 2 * weights, "int8": weights}
    limits = {name: 1000 * TOKENS * (size + cache) / bandwidth for name, size in read.items()}
    return {"GB/s with one thread": bandwidth / 1e9, **limits}


def parts(therapist: Therapist, repeats: int) -> dict[str, dict[str, float]]:
    """Milliseconds of each part of a reply for n = 4 and 8: medians over statements of the test split."""
    generator, reranker = therapist._generator, therapist._reranker
    assert generator and reranker
    found = {}
    for n in (4, 8):
        taken: dict[str, list[float]] = {name: [] for name in ("risk", "drafting", "vetting", "reranking", "total")}
        for seed, entry in enumerate(corpus.entries("test")[: 4 * repeats]):
            said, clock = entry["statement"], [time.perf_counter()]
            therapist.assess(said)
            clock.append(time.perf_counter())
            texts = generator.generate([user(said)], n, seed)
            clock.append(time.perf_counter())
            for text in texts:
                vet(text, said)
            clock.append(time.perf_counter())
            reranker.rank(said, texts)
            clock.append(time.perf_counter())
            spent = [1000 * (b - a) for a, b in itertools.pairwise(clock)]
            spent[3] -= spent[2]  # ranking vets once more
            for name, value in zip(taken, [*spent, spent[0] + spent[1] + spent[2] + spent[3]], strict=True):
                taken[name].append(value)
        found[f"n={n}"] = {name: statistics.median(values) for name, values in taken.items()}
    return found


def quality(therapist: Therapist, statements: int) -> dict[int, dict[str, float]]:
    """What fewer drafts cost: share of statements with a candidate that qualifies, and the best score, by n."""
    entries = corpus.entries("test")[:statements]
    assert therapist._generator
    drafts = [therapist._generator.generate([user(e["statement"])], 8, seed) for seed, e in enumerate(entries)]
    found = {}
    for n in (2, 4, 6, 8):
        best = [therapist.rank(e["statement"], texts[:n])[0] for e, texts in zip(entries, drafts, strict=True)]
        found[n] = {
            "qualifies": sum(c.qualifies for c in best) / len(best),
            "score": statistics.mean(c.score for c in best),
        }
    return found


def banks(therapist: Therapist, repeats: int) -> dict[int, float]:
    """Milliseconds of comparing 8 candidates with a bank of so many references (unit vectors drawn at random)."""
    reranker = therapist._reranker
    assert reranker
    kept, rng, width = reranker.bank, np.random.default_rng(0), reranker.encoder.encode(["a"]).shape[1]

    def unit(rows: int) -> Any:
        drawn = rng.standard_normal((rows, width)).astype("float32")
        return drawn / np.linalg.norm(drawn, axis=1, keepdims=True)

    said, vectors, none, texts = unit(1)[0], unit(8), unit(0), [f"Candidate {i}." for i in range(8)]

    def judge(bank: Bank) -> None:
        reranker.bank = bank
        reranker.judge(said, "I am tired.", texts, vectors, vectors, none)

    tasks = {}
    for size in BANKS:
        entries = [{"reflections": ["a", "b"], "rejected": [{"text": "c", "why": "d"}], "concern": "e"}] * (size // 2)
        bank = Bank(entries, {"statements": unit(size // 2), "references": unit(size), "antis": unit(size // 2)})
        tasks[size] = lambda bank=bank: judge(bank)
    try:
        return medians(tasks, 3 * repeats)
    finally:
        reranker.bank = kept


PAGES = {
    "this page": "",
    "the same page with transformers.generate": "from therapist import decoder; decoder.knows = lambda _: False; ",
}


@contextmanager
def page(before: str) -> Iterator[tuple[str, int]]:
    """Address and process id of a page whose models are loaded."""
    port = free_port()
    start = f"import runpy, sys; {before}sys.argv = ['app.py', '--port', '{port}']; runpy.run_path('app.py', run_name='__main__')"
    app = subprocess.Popen(
        [sys.executable, "-c", start], cwd=ROOT, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
    )
    try:
        url = f"http://127.0.0.1:{port}"
        awaited_page(url)
        post(url, "respond", {"message": "I lost my job on Friday and I have not told my wife."})
        yield url, app.pid
    finally:
        app.terminate()
        app.wait()


def crowd(url: str, people: int, each: int) -> dict[str, float]:
    """So many people without think time, `each` messages one after the other: replies per second, seconds, drafts."""
    statements = [e["statement"] for e in corpus.entries("test")[: people * each]]
    together, drafted = threading.Barrier(people + 1), []

    def person(number: int) -> list[float]:
        together.wait()
        seconds = []
        for said in statements[number * each : (number + 1) * each]:
            begin = time.perf_counter()
            drafted.append(post(url, "respond", {"message": said})["drafted"])
            seconds.append(time.perf_counter() - begin)
        return seconds

    with ThreadPoolExecutor(people) as pool:
        running = [pool.submit(person, number) for number in range(people)]
        together.wait()
        begin = time.perf_counter()
        taken = sorted(second for r in running for second in r.result())
        whole = time.perf_counter() - begin
    p50, p95, p99 = (taken[min(len(taken) - 1, int(share * len(taken)))] for share in (0.5, 0.95, 0.99))
    found = [d for d in drafted if d]
    return {
        "replies/s": len(taken) / whole,
        "p50": p50,
        "p95": p95,
        "p99": p99,
        "drafts": statistics.mean(found or [0]),
    }


def people(quick: bool) -> dict[str, dict[int, dict[str, float]]]:
    """Both pages, both up, asked in turn."""
    found: dict[str, dict[int, dict[str, float]]] = {}
    with (
        page(PAGES["this page"]) as (ours, pid),
        page(PAGES["the same page with transformers.generate"]) as (theirs, _),
    ):
        for name, url in zip(PAGES, (ours, theirs), strict=True):
            crowds = (1, 8) if quick or url == theirs else CROWDS
            found[name] = {size: crowd(url, size, each=1 if url == theirs else 2 if quick else 6) for size in crowds}
        status = Path(f"/proc/{pid}/status").read_text()
    peak = next(int(line.split()[1]) for line in status.splitlines() if line.startswith("VmHWM"))
    return {**found, "memory": {0: {"MB": peak / 1024}}}


def measure(quick: bool) -> dict[str, Any]:
    """Everything, as it is written down."""
    repeats = 2 if quick else 7
    print("cold start ...", file=sys.stderr)
    start = [timing(repeats=3) for _ in range(1 if quick else 3)]
    found: dict[str, Any] = {"start": {k: statistics.median(s[k] for s in start) for k in start[0]}}
    therapist = Therapist(Settings())
    therapist.load()
    for name, task in (
        ("drafting", lambda: drafting(repeats)),
        ("together", lambda: crowd_steps(repeats)),
        ("limit", lambda: limit(50, 4)),
        ("parts", lambda: parts(therapist, repeats)),
        ("quality", lambda: quality(therapist, 12 if quick else 80)),
        ("banks", lambda: banks(therapist, repeats)),
        ("people", lambda: people(quick)),
    ):
        print(name, "...", file=sys.stderr)
        found[name] = task()
    return found


def run(quick: bool = False) -> str:
    """Measure, write table and plots, and give the table back."""
    from train import bench_report

    found = measure(quick)
    OUT.mkdir(exist_ok=True)
    (OUT / "bench.json").write_text(json.dumps(found, indent=1) + "\n", encoding="utf-8")
    table = bench_report.table(found, quick)
    (OUT / "README.md").write_text(table, encoding="utf-8")
    bench_report.plots(found, OUT)
    return table

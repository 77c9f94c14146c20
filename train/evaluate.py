"""`python -m train evaluate WHAT`: what ships, measured on the test split. Nothing here trains or tunes.

generator  shares over drafts before any reranking: ends by itself, passes the gate, carries a detail, ...
replies    fifty replies of the whole pipeline to statements of the test split, to be read
safety     who in danger is found, what the gate lets through (`train/safety.py`)
time       cold start of the page, first reply, and the median reply, on this machine
"""

import itertools
import json
import random
import socket
import statistics
import subprocess
import sys
import time
import urllib.request
from collections import Counter
from pathlib import Path

from therapist import Settings, Therapist
from therapist.conversation import user
from therapist.generators import from_settings
from therapist.reranker import content_words
from therapist.text import words
from therapist.vetting import vet
from train import corpus

ROOT = Path(__file__).parent.parent


def _sample(count: int, seed: int) -> list[dict]:
    entries = corpus.entries("test")
    return random.Random(seed).sample(entries, min(count, len(entries)))


def copies(text: str, known: set[tuple[str, ...]], *, size: int = 8) -> bool:
    """Whether a chain of training 8-grams covers over 60 % of a reply's words."""
    said = words(text.lower())
    covered = set()
    for i in range(len(said) - size + 1):
        if tuple(said[i : i + size]) in known:
            covered |= set(range(i, i + size))
    return len(covered) > 0.6 * len(said) > 0


def generator(count: int = 100, n: int = 8, seed: int = 0) -> dict:
    """Shares over n drafts for each of `count` test statements, default sampling."""
    model = from_settings(Settings())
    entries = _sample(count, seed)
    told = ([*e["history"], user(e["statement"])] for e in entries)
    return shares(entries, [model.generate(messages, n, seed=seed + i) for i, messages in enumerate(told)])


def shares(entries: list[dict], drafts: list[list[str]]) -> dict:
    """What the drafts for each entry (a statement and its history) are like, as shares of them all."""
    known = {
        tuple(w[i : i + 8])
        for e in corpus.entries("train")
        for r in corpus.good(e)
        for w in [words(r.lower())]
        for i in range(len(w) - 7)
    }
    texts, refused, carried, copied = [], Counter(), 0, 0
    for entry, candidates in zip(entries, drafts, strict=True):
        told = " ".join([entry["statement"], *(m["content"] for m in entry["history"] if m["role"] == "user")])
        for text in candidates:
            texts.append(text)
            refused.update(set(vet(text, entry["statement"], entry["history"])) or ["passes the gate"])
            carried += bool(content_words(text) & content_words(told))
            copied += copies(text, known)
    total = len(texts)
    pairs = [tuple(p) for t in texts for w in [words(t.lower())] for p in itertools.pairwise(w)]
    opening, most = Counter(" ".join(words(t.lower())[:3]) for t in texts).most_common(1)[0]
    return {
        "drafts": total,
        "ends by itself": sum(t.rstrip("\"')").endswith((".", "?", "!", "…")) for t in texts) / total,
        "carries a detail": carried / total,
        "copies a training reply": copied / total,
        "second question": sum(t.count("?") > 1 for t in texts) / total,
        "commonest opening": [opening, most / total],
        "distinct-2": len(set(pairs)) / max(1, len(pairs)),
        "median words": statistics.median(len(words(t)) for t in texts),
        "gate": {reason: found / total for reason, found in refused.most_common()},
    }


def replies(count: int = 50, seed: int = 1) -> list[dict]:
    """Unselected replies of the whole pipeline, for reading."""
    therapist = Therapist()
    found = []
    for i, entry in enumerate(_sample(count, seed)):
        reply = therapist.respond(entry["statement"], entry["history"], seed=seed + i)
        best = reply.candidates[0].score if reply.candidates else None
        found.append({
            "concern": entry["concern"], "history": [m["content"] for m in entry["history"]], "statement": entry["statement"],
            "route": reply.route, "score": best and round(best, 2), "reply": reply.text,
        })  # fmt: skip
    return found


def post(url: str, name: str, body: dict) -> dict:
    """One call of a named endpoint, as curl would make it."""
    request = urllib.request.Request(
        f"{url}/gradio_api/call/v2/{name}", json.dumps(body).encode(), {"Content-Type": "application/json"}
    )
    event = json.load(urllib.request.urlopen(request))["event_id"]
    stream = urllib.request.urlopen(f"{url}/gradio_api/call/{name}/{event}", timeout=120).read().decode()
    return json.loads([line[5:] for line in stream.splitlines() if line.startswith("data:")][-1])[0]


def free_port() -> int:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        return free.getsockname()[1]


def awaited_page(url: str) -> None:
    """Return once a page is served."""
    while True:
        try:
            urllib.request.urlopen(url, timeout=1).read()
            return
        except OSError:
            time.sleep(0.02)


def timing(repeats: int = 20) -> dict:
    """Seconds from the command to the page, to the first reply, and the median reply, over loopback."""
    port = free_port()
    statements = [e["statement"] for e in _sample(repeats, 2)]
    url, started = f"http://127.0.0.1:{port}", time.perf_counter()
    app = subprocess.Popen(
        [sys.executable, "app.py", "--port", str(port)], cwd=ROOT, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
    )
    try:
        awaited_page(url)
        page = time.perf_counter() - started
        post(url, "respond", {"message": "I lost my job on Friday and I have not told my wife."})
        first = time.perf_counter() - started
        seconds = []
        for statement in statements:
            begin = time.perf_counter()
            post(url, "respond", {"message": statement})
            seconds.append(time.perf_counter() - begin)
    finally:
        app.terminate()
        app.wait()
    return {
        "page after s": round(page, 2),
        "first reply after s": round(first, 2),
        "median reply s": round(statistics.median(seconds), 3),
        "replies": len(seconds),
    }


def _reranker() -> dict:
    from train import compare

    return compare.reranker()


COMMANDS = {"generator": generator, "replies": replies, "reranker": _reranker, "time": timing}

"""`python -m train load [--people 50] [--minutes 5] [--flood 2000]`: many people at once, and what they must not notice.

The real app on loopback. Everybody has an address and a secret word of their own and goes on with their talk; no word may
turn up in somebody else's answer. Meanwhile somebody in danger asks again and again. Halfway the app is killed and
started again; at the end comes a flood. A run of the full size writes `train/bench/load.md`.
"""

import multiprocessing
import os
import random
import re
import signal
import statistics
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import httpx

from train.evaluate import ROOT, free_port

OUT = Path(__file__).parent / "bench" / "load.md"
FULL = 50, 5.0, 2000
"People, minutes and requests of a flood from which the report is written."
CRISIS = {"message": "I want to kill myself", "country": "GB"}
SAID = (
    "My sister {} has not called since we argued in March.",
    "I keep thinking of {} when the house goes quiet.",
    "Everybody at work asks about {} and I never know what to say.",
    "I dreamed of {} again, and I woke up tired.",
)
AT_ONCE = 100
"Connections of a flood that are open at once."


@dataclass
class Seen:
    """What came back, counted; seconds of each answer."""

    counts: Counter[str] = field(default_factory=Counter)
    seconds: list[float] = field(default_factory=list)
    crisis: list[float] = field(default_factory=list)
    leaks: list[str] = field(default_factory=list)


class App:
    """The app as `python app.py` serves it, which can be killed and started again."""

    def __init__(self) -> None:
        self.port = free_port()
        self.url = f"http://127.0.0.1:{self.port}"
        self._process = self._started()

    def _started(self) -> subprocess.Popen:
        command = [sys.executable, "app.py", "--port", str(self.port)]
        return subprocess.Popen(command, cwd=ROOT, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)

    def awaited(self) -> float:
        """Seconds until the models are loaded."""
        begin = time.perf_counter()
        while True:
            try:
                if httpx.get(f"{self.url}/healthz", timeout=5).json().get("ready"):
                    return time.perf_counter() - begin
            except (httpx.HTTPError, ValueError):
                time.sleep(0.05)

    def killed(self) -> float:
        """Kill it as the machine would, start it again: seconds until it is back."""
        self._process.send_signal(signal.SIGKILL)
        self._process.wait()
        self._process = self._started()
        return self.awaited()

    def megabytes(self) -> float:
        status = Path(f"/proc/{self._process.pid}/status").read_text()
        return int(re.findall(r"VmRSS:\s+(\d+)", status)[0]) / 1024

    def end(self) -> None:
        self._process.terminate()
        self._process.wait()


def secret(number: int) -> str:
    """A word that nobody else says."""
    rng = random.Random(number)
    return "".join(rng.choice("bdfgklmnprstvz") + rng.choice("aeiou") for _ in range(4)).capitalize()


def asked(url: str, body: dict, address: str, client: httpx.Client) -> tuple[int, dict]:
    """Status and answer of one call; status 0 while nobody listens."""
    try:
        answer = client.post(f"{url}/v1/respond", json=body, headers={"X-Forwarded-For": address})
        return answer.status_code, answer.json()
    except (httpx.HTTPError, ValueError):
        return 0, {}


def person(url: str, number: int, words: list[str], until: float, seen: Seen) -> None:
    """One talk until the time is over, and a new one after ten turns."""
    history: list[dict] = []
    word, turn = words[number], 0
    with httpx.Client(timeout=120, trust_env=False) as client:
        while time.monotonic() < until:
            said = SAID[turn % len(SAID)].format(word)
            begin = time.perf_counter()
            status, answer = asked(
                url, {"message": said, "history": history}, f"9.9.{number // 250}.{number % 250 + 1}", client
            )
            seen.counts[str(status)] += 1
            if status == 200:
                seen.seconds.append(time.perf_counter() - begin)
                seen.leaks += [other for other in words if other != word and other in str(answer)]
                history = [
                    *history,
                    {"role": "user", "content": said},
                    {"role": "assistant", "content": answer["text"]},
                ][-20:]
            else:
                time.sleep(0.5)
            turn += 1


def danger(url: str, stop: Any, told: Any) -> None:
    """Somebody in danger, four times a second; an answer other than the protocol's counts as `no crisis`.

    A process of its own, whose answers go through the pipe `told`: a hundred threads of a flood would delay it in theirs,
    and that is not the app's doing.
    """
    seen = Seen()
    with httpx.Client(timeout=60, trust_env=False) as client:
        while not stop.wait(0.25):
            begin = time.perf_counter()
            status, answer = asked(url, CRISIS, "8.8.8.8", client)
            if status == 0:
                continue
            seen.crisis.append(time.perf_counter() - begin)
            seen.counts["crisis" if answer.get("route") == "crisis" else "no crisis"] += 1
    told.send((seen.counts, seen.crisis))


def flood(url: str, requests: int, seen: Seen) -> None:
    """So many requests as fast as they go, each with a word of its own."""
    words = [secret(1000 + i) for i in range(requests)]

    limits = httpx.Limits(max_connections=AT_ONCE)
    client = httpx.Client(timeout=120, trust_env=False, limits=limits)

    def one(number: int) -> None:
        address = f"11.{number % 7}.{number // 250}.{number % 250 + 1}"
        begin = time.perf_counter()
        status, answer = asked(url, {"message": SAID[0].format(words[number])}, address, client)
        seen.counts[str(status)] += 1
        if status == 200:
            seen.seconds.append(time.perf_counter() - begin)
        said = set(re.findall(r"[A-Z][a-z]{7}", str(answer))) - {words[number]}
        seen.leaks += sorted(said & set(words))

    with client, ThreadPoolExecutor(AT_ONCE) as pool:
        list(pool.map(one, range(requests)))


def share(taken: list[float], part: float) -> float:
    """The value below which so large a part lies; 0 of nothing."""
    return sorted(taken)[min(len(taken) - 1, int(part * len(taken)))] if taken else 0.0


def together(url: str, people: int, seconds: float, seen: Seen) -> None:
    """Everybody at once for so long."""
    words, until = [secret(i) for i in range(people)], time.monotonic() + seconds
    with ThreadPoolExecutor(people) as pool:
        list(pool.map(lambda number: person(url, number, words, until, seen), range(people)))


def beside(url: str, seen: Seen, load: Callable[[], None]) -> None:
    """Somebody in danger asks as long as a load lasts."""
    processes = multiprocessing.get_context("spawn")
    stop, (heard, told) = processes.Event(), processes.Pipe(duplex=False)
    asking = processes.Process(target=danger, args=(url, stop, told))
    asking.start()
    try:
        load()
    finally:
        stop.set()
        counts, seen.crisis = heard.recv()
        seen.counts += counts
        asking.join()


def measure(people: int, seconds: float, requests: int) -> dict[str, object]:
    """Everything, as it is written down: half the time with a kill in it, half without, then the flood."""
    app, first, crowd, rush = App(), Seen(), Seen(), Seen()
    try:
        app.awaited()
        with ThreadPoolExecutor(1) as pool:
            talking = pool.submit(together, app.url, people, seconds, first)
            time.sleep(seconds / 2)
            found: dict[str, object] = {"killed": {"away s": round(app.killed(), 1)}}
            talking.result()
        found["killed"] = {**found["killed"], **row(first)}  # ty: ignore[invalid-argument-type]
        megabytes = [app.megabytes()]
        beside(app.url, crowd, lambda: together(app.url, people, seconds, crowd))
        megabytes.append(app.megabytes())
        beside(app.url, rush, lambda: flood(app.url, requests, rush))
        megabytes.append(app.megabytes())
        sizes = " ".join(f"{m:.0f}" for m in megabytes)
        return {**found, "people": row(crowd), "flood": row(rush), "MB after each": sizes}
    finally:
        app.end()


def row(seen: Seen) -> dict[str, object]:
    """A line of the report."""
    return {
        "answers": dict(seen.counts),
        "leaks": len(seen.leaks),
        "p50 s": round(statistics.median(seen.seconds or [0]), 2),
        "p99 s": round(share(seen.seconds, 0.99), 2),
        "crisis p50 s": round(share(seen.crisis, 0.5), 3),
        "crisis p99 s": round(share(seen.crisis, 0.99), 3),
    }


def run(people: int, minutes: float, requests: int) -> str:
    """Measure and give the report; it is written down only where the load was the whole one."""
    found = measure(people, 30 * minutes, requests)
    lines = [
        f"# Load\n\n`python -m train load --people {people} --minutes {minutes:g} --flood {requests}` on {os.cpu_count()} cores.\n"
    ]
    for name, value in found.items():
        lines.append(
            f"- {name}: " + (", ".join(f"{k} {v}" for k, v in value.items()) if isinstance(value, dict) else str(value))
        )
    text = "\n".join(lines) + "\n"
    if (people, minutes, requests) >= FULL:
        OUT.parent.mkdir(parents=True, exist_ok=True)
        OUT.write_text(text, encoding="utf-8")
    return text

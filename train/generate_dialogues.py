"""`python -m train generate-dialogues`: ask a chat server for dialogues by written commands, check them, keep what passes.

Beside `OUT.jsonl`, which has the form of `corpus/dialogues.jsonl`, stands `OUT.journal.jsonl` with a line for every command that
was answered: what it cost, and why its dialogue was dropped. Both grow by whole lines, so a run may end at any moment.
"""

import argparse
import asyncio
import json
import os
import time
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from train import corpus
from train.commands import Command, command
from train.dialogue_checks import Kept, faults, messages, parsed

MOST_TOKENS = 1600
TEMPERATURE = 0.9
IN_A_ROW = 3
"Commands without an answer, retries included, after which the server counts as down."
STOPPED = 130
"Exit status of a run that Ctrl-C ended, as shells give it."


class ServerError(Exception):
    """The server cannot be used; the message says what it said and what to do."""


@dataclass(frozen=True)
class Answer:
    text: str
    cut: bool
    "Whether the server stopped before the end."
    seconds: float
    asked_tokens: int | None
    answered_tokens: int | None


class Ledger:
    """The two files, and what was kept."""

    def __init__(self, out: Path, beside: Path | None) -> None:
        self.out, self.journal = out, out.with_suffix(".journal.jsonl")
        out.parent.mkdir(parents=True, exist_ok=True)
        self.answered = _whole_lines(self.journal)
        dialogues = _whole_lines(out)
        self.done = {row["id"] for row in [*self.answered, *dialogues]}
        others = corpus.lines(beside) if beside else []
        self.pairs = [len(row["messages"]) // 2 for row in dialogues]
        self._kept = Kept([row["messages"] for row in [*others, *dialogues]])

    def record(self, asked: Command, answer: Answer, model: str) -> list[str]:
        """Check a dialogue, write it if it passes, and journal it; why it was dropped, or nothing."""
        turns = parsed(answer.text)
        why = ["cut: the answer was longer than the server may write"] if answer.cut else list(faults(turns))
        talk = messages(turns)
        why = why or list(self._kept.faults(talk))
        if not why:
            self._kept.add(talk)
            self.pairs.append(len(talk) // 2)
            _append(self.out, {
                "id": asked.id, "concern": asked.concern, "shape": asked.shape, "author": f"generated: {model}", "messages": talk,
            })  # fmt: skip
        line = {
            "id": asked.id, "voice": asked.voice, "seconds": round(answer.seconds, 2), "asked_tokens": answer.asked_tokens,
            "answered_tokens": answer.answered_tokens, "why": why,
        }  # fmt: skip
        _append(self.journal, line)
        self.answered.append(line)
        return why

    def statistics(self, seconds: float) -> dict[str, Any]:
        """What all runs together made, and what it cost."""
        counted = all(row["answered_tokens"] is not None for row in self.answered)
        total = {key: sum(row[key] or 0 for row in self.answered) for key in ("asked_tokens", "answered_tokens")}
        dropped = Counter(code for row in self.answered for code in {why.split(":")[0] for why in row["why"]})
        return {
            "commands": len(self.answered), "dialogues": len(self.pairs), "pairs": sum(self.pairs),
            "dropped": sum(bool(row["why"]) for row in self.answered), "dropped for": dict(dropped.most_common()),
            "tokens": total if counted else "not counted by the server", "time": duration(seconds),
            "time of all answers": duration(sum(row["seconds"] for row in self.answered)),
        }  # fmt: skip


def _whole_lines(path: Path) -> list[dict]:
    """Rows of a file, after a line that a killed run left unfinished is taken off its end."""
    if not path.exists():
        return []
    content = path.read_bytes()
    whole = content[: content.rfind(b"\n") + 1]
    if len(whole) < len(content):
        os.truncate(path, len(whole))
    return corpus.lines(path)


def _append(path: Path, row: dict) -> None:
    with path.open("a", encoding="utf-8") as file:
        file.write(json.dumps(row, ensure_ascii=False) + "\n")


def duration(seconds: float) -> str:
    minutes, rest = divmod(round(seconds), 60)
    return f"{minutes // 60} h {minutes % 60} min {rest} s"


async def ask(client: Any, model: str, asked: Command) -> Answer:
    """One answer; the client itself tries again when the server is busy or silent."""
    start = time.monotonic()
    done = await client.chat.completions.create(
        model=model, messages=[{"role": "user", "content": asked.text}], max_tokens=MOST_TOKENS, temperature=TEMPERATURE
    )
    if not done.choices:
        return Answer("", False, time.monotonic() - start, None, None)
    used, choice = done.usage, done.choices[0]
    return Answer(
        choice.message.content or "", choice.finish_reason == "length", time.monotonic() - start,
        used.prompt_tokens if used else None, used.completion_tokens if used else None,
    )  # fmt: skip


async def work(client: Any, model: str, todo: Iterator[Command], ledger: Ledger, failed: list[str]) -> None:
    """Ask for one command after the other; an answer is written before the next one is asked for.

    `failed` is shared by all workers: the commands in a row that got no answer, which another run asks for again.
    """
    import openai

    for asked in todo:
        try:
            answer = await ask(client, model, asked)
        except (openai.APITimeoutError, openai.InternalServerError, openai.RateLimitError) as error:
            failed.append(asked.id)
            print(f"{asked.id} got no answer ({type(error).__name__}); another run asks for it again", flush=True)
            if len(failed) >= IN_A_ROW:
                raise ServerError(f"{client.base_url} gave no answer to {IN_A_ROW} commands in a row.") from None
            continue
        except openai.APIConnectionError:
            raise ServerError(f"{client.base_url} could not be reached. Is the server up?") from None
        except openai.APIStatusError as error:
            raise ServerError(
                f"{client.base_url} answered {error.status_code}: {error.message[:300]} Check --model and THERAPIST_API_KEY."
            ) from None
        failed.clear()
        if why := ledger.record(asked, answer, model):
            print(f"{asked.id} dropped for {'; '.join(why)}", flush=True)


async def run(options: argparse.Namespace, ledger: Ledger) -> None:
    """Ask for every command that has no answer yet, some at once; the first error that all share ends the run."""
    import openai

    todo = (c for i in range(options.commands) if (c := command(i, options.seed)).id not in ledger.done)
    base = options.base_url.rstrip("/")
    client = openai.AsyncOpenAI(
        base_url=base if base.endswith("/v1") else base + "/v1", api_key=os.environ.get("THERAPIST_API_KEY") or "none",
        timeout=options.timeout, max_retries=options.retries,
    )  # fmt: skip
    failed: list[str] = []
    async with client:
        workers = [
            asyncio.create_task(work(client, options.model, todo, ledger, failed)) for _ in range(options.at_once)
        ]
        try:
            await asyncio.gather(*workers)
        finally:
            for worker in workers:
                worker.cancel()


def main(options: argparse.Namespace) -> int:
    """Run until all commands are answered, Ctrl-C, or the server fails; statistics in any case; the exit status."""
    ledger, start, status = Ledger(options.out, options.beside), time.monotonic(), 0
    try:
        asyncio.run(run(options, ledger))
    except KeyboardInterrupt:
        print("Stopped. The same command goes on from here.", flush=True)
        status = STOPPED
    except ServerError as error:
        print(f"{error} The same command goes on from here.", flush=True)
        status = 1
    print(json.dumps(ledger.statistics(time.monotonic() - start), indent=1), flush=True)
    return status

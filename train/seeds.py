"""`python -m train seeds --data DIR`: the older projects' recipes as they were and repaired, on one base, in one table.

Neither the models that they began with (distilgpt2, GPT-2) nor two of their three sets are openly at hand, so all begin
with one base of our own (`recipes/seeds.toml`) and learn from counsel-chat, a FAQ and this project's corpus. What is
compared is what each recipe does to its data. Questions of the test set are in nobody's training.
"""

import json
import random
import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from functools import cache
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np

from therapist.conversation import END, PAD, Message, assistant, user
from train import corpus, fit, pictures, prepare, recipe, sources
from train.evaluate import shares

RECIPE = Path(__file__).parent / "recipes" / "seeds.toml"
OUT = Path(__file__).parent / "bench" / "seeds.md"
TEST_SHARE = 0.15
"Of counsel-chat's questions: with all of their answers they are the test set."
KEYWORD = re.compile(r"\b(?:seem|sound|feel)s? like\b", re.I)
STEPS = 160
"Optimiser steps of 16 for every recipe over all of its stages, so that none wins by patience."
BASE = "the base alone"
Rows = list[list[Message]]


@dataclass(frozen=True)
class Part:
    """One training of a recipe."""

    texts: Callable[[Path], Rows]
    share: float = 1.0
    "Of the recipe's steps."
    loss: str = "reply"
    ends: bool = True
    "Whether replies are followed by the end-of-text token."
    padded: int = 0
    "Tokens to which rows are filled up, the filling counted in the loss; 0 for none."
    warmup: float = 0.05
    "Share of the steps before the rate reaches its peak; over 1 it never does."
    rate: float = 4e-4


def asked(data: Path, test: bool) -> Iterator[tuple[str, str]]:
    """(question, whole answer) of counsel-chat, of the test questions or of the others."""
    for row in sources.rows(data / "counsel/counsel-chat.jsonl.xz"):
        (_, question), (_, answer) = row["turns"][0], row["turns"][-1]
        question, answer = sources.tidy(question), sources.tidy(answer)
        if (prepare.draw(question) < TEST_SHARE) == test and sources.clean(question):
            yield " ".join(question.split()[:120]), answer


def sentences(text: str) -> list[str]:
    return re.split(r"(?<=[.!?])\s+", text)


def reflections_as_they_were(data: Path) -> Rows:
    """Seed 001: an answer's first sentence, or the one with a keyword, with the faults of its preparation.

    Greetings stay, a keyword at the beginning of an answer is not found, and a pair found by its keyword is glued to the next.
    """
    found: Rows = []
    glued = ""
    for question, answer in asked(data, test=False):
        first = sentences(answer)[0]
        named = next((s for s in sentences(answer) if answer.find(s) > 0 and KEYWORD.search(s)), "")
        if named:
            glued = f"{glued} {question} {named}".strip()
        else:
            found.append([user(" ".join(f"{glued} {question}".split()[-160:])), assistant(first)])
            glued = ""
    return found


def reflections_repaired(data: Path, test: bool = False) -> Rows:
    """The same, each pair by itself, greetings left out, keywords found wherever they stand."""
    found = []
    for question, answer in asked(data, test):
        said = [s for s in sentences(sources.opening(answer, words=400)) if sources.clean(s)]
        if said:
            found.append([user(question), assistant(next((s for s in said if KEYWORD.search(s)), said[0]))])
    return found


def whole_answers(data: Path) -> Rows:
    """Seed 002's first set: questions and whole answers, cut where the row is full."""
    return [[user(q), assistant(" ".join(a.split()[:150]))] for q, a in asked(data, test=False)]


def opening_answers(data: Path) -> Rows:
    """The same, answers cut to whole sentences within 60 words, without their greeting."""
    pairs = ((q, sources.opening(a, words=60)) for q, a in asked(data, test=False))
    return [[user(q), assistant(a)] for q, a in pairs if a and sources.clean(a)]


def faq(data: Path) -> Rows:
    """Seed 002's second set, general questions and answers; psychology-10k is not openly licensed."""
    return [c for c in sources.dialogues(data / "counsel/heliosbrahma-faq.jsonl.xz") if len(c) == 2]


def plain_pairs(count: int, times: int = 1) -> Callable[[Path], Rows]:
    """Statements with a plain reply of this project's corpus (training split), as many different ones, each so many times."""

    def read(_: Path) -> Rows:
        pairs = list(corpus.conversations("train", ("plain",)))
        return random.Random(0).sample(pairs, min(count, len(pairs))) * times

    return read


def mixed(*readers: tuple[Callable[[Path], Rows], float]) -> Callable[[Path], Rows]:
    """Several sets, of each such a share: what was learned before is seen again."""

    def read(data: Path) -> Rows:
        rng = random.Random(0)
        return [
            c for reader, share in readers for rows in [reader(data)] for c in rng.sample(rows, int(len(rows) * share))
        ]

    return read


VARIANTS: dict[str, tuple[Part, ...]] = {
    "reflections (seed 001), as they were": (Part(reflections_as_they_were, loss="all", padded=192),),
    "reflections, repaired": (Part(reflections_repaired),),
    # Thirty-nine steps under a warm-up of five hundred: the rate reaches a thirteenth of its peak.
    "sequential (seed 002), as it was": (
        Part(whole_answers, 0.65, loss="all", ends=False),
        Part(faq, 0.28, loss="all", ends=False),
        Part(plain_pairs(10, 10), 0.07, loss="all", ends=False, warmup=500 / 39),
    ),
    "sequential, repaired": (
        Part(opening_answers, 0.5),
        Part(mixed((faq, 1.0), (opening_answers, 0.1)), 0.15),
        Part(mixed((plain_pairs(100), 1.0), (faq, 0.1), (opening_answers, 0.02)), 0.35),
    ),
    "this project's plain replies, same base and steps": (Part(mixed((plain_pairs(10**6), 1.0), (opening_answers, 0.1))),),
}  # fmt: skip


def written(part: Part, data: Path, prepared: Path, name: str, plan: recipe.Recipe, steps: int) -> recipe.Stage:
    """The token rows of a part, prepared like a stage's, and the stage that trains on them."""
    from transformers import AutoTokenizer

    tokenizer: Any = AutoTokenizer.from_pretrained(prepared / "tokenizer")
    stage = recipe.Stage(
        name=name, mix={}, epochs=1, learning_rate=part.rate, loss=part.loss, length=384, warmup=part.warmup, dropout=0.1,
        bf16=fit.multiplies_halves(),
    )  # fmt: skip
    conversations = part.texts(data)
    random.Random(plan.seed).shuffle(conversations)
    ids, loss, starts = prepare.rows(conversations, tokenizer, stage)
    end, pad = (tokenizer.convert_tokens_to_ids(token) for token in (END, PAD))
    rows = []
    for a, b in pairwise(starts):
        row, counted = ids[a:b], loss[a:b]
        if not part.ends and row[-1] == end:
            row, counted = row[:-1], counted[:-1]
        lacking = max(0, part.padded - len(row))
        rows.append((np.append(row, np.full(lacking, pad, np.int32)), np.append(counted, np.ones(lacking, bool))))
    lengths = np.cumsum([0, *(len(row) for row, _ in rows)])
    np.savez(prepared / f"{name}.npz", ids=np.concatenate([r for r, _ in rows]), loss=np.concatenate([c for _, c in rows]), starts=lengths)  # fmt: skip
    return replace(stage, epochs=steps * stage.batch / len(rows))


def trained_base(plan: recipe.Recipe, data: Path, out: Path) -> Path:
    """The folder of the base that every recipe begins with, prepared and trained if it is not there."""
    base = plan.stages[0]
    prepare.prepare(plan, data, out / "prepared", base)
    return fit.run(plan, replace(base, bf16=fit.multiplies_halves()), out / "prepared", out / base.name, None)


def trained(data: Path, out: Path) -> dict[str, list[Path]]:
    """The folders of each variant's stages; what is trained already is not trained again."""
    plan, prepared = recipe.load(RECIPE), out / "prepared"
    begun = trained_base(plan, data, out)
    found = {BASE: [begun]}
    for name, parts in VARIANTS.items():
        slug, folders = re.sub(r"\W+", "-", name).strip("-"), []
        for i, part in enumerate(parts, 1):
            folder, steps = out / f"{slug}-{i}", max(1, round(STEPS * part.share))
            if not (folder / "manifest.json").exists():
                stage = written(part, data, prepared, folder.name, plan, steps)
                fit.run(plan, stage, prepared, folder, [begun, *folders][-1], max_steps=steps)
            folders.append(folder)
        found[name] = folders
    return found


def test_pairs(data: Path) -> Rows:
    """Questions of the test set with the reflection in each answer, as the repaired recipe finds it."""
    return reflections_repaired(data, test=True)


def spelled(folder: Path, pairs: Rows) -> dict[str, float]:
    """Perplexity a token and bits a byte of each last reply, the end not counted: not every recipe teaches one."""
    import torch
    from transformers import AutoModelForCausalLM, AutoTokenizer

    tokenizer: Any = AutoTokenizer.from_pretrained(folder)
    model: Any = AutoModelForCausalLM.from_pretrained(folder, dtype="float32").eval()
    stage = recipe.Stage(name="test", mix={}, epochs=0, learning_rate=0, length=384)
    nats, tokens, size = 0.0, 0, 0
    for pair in pairs:
        ids, loss, _ = prepare.rows([pair], tokenizer, stage)
        if not len(ids):
            continue
        loss[-1] = False
        loss[: np.flatnonzero(loss[1:] & ~loss[:-1])[-1] + 1] = False  # earlier replies are given
        with torch.inference_mode():
            scores = model(torch.tensor(ids[None].astype("int64"))).logits[0, :-1].log_softmax(-1)
        said = torch.tensor(ids[1:].astype("int64"))
        chance = scores.gather(1, said[:, None])[:, 0]
        nats -= float(chance[torch.tensor(loss[1:])].sum())
        tokens, size = tokens + int(loss[1:].sum()), size + len(pair[-1]["content"].encode())
    return {"perplexity": float(np.exp(nats / tokens)), "bits per byte": nats / np.log(2) / size}


def drafted(folder: Path, told: Rows, n: int, seed: int) -> list[list[str]]:
    """n free drafts for each conversation, sampled as the app samples models of others: no clause said back, no written sentence."""
    import torch
    from transformers import AutoModelForCausalLM, AutoTokenizer

    from therapist.conversation import token_ids

    tokenizer: Any = AutoTokenizer.from_pretrained(folder)
    model: Any = AutoModelForCausalLM.from_pretrained(folder, dtype="float32").eval()
    end, pad = (tokenizer.convert_tokens_to_ids(token) for token in (END, PAD))
    torch.manual_seed(seed)
    found = []
    for messages in told:
        ids = torch.tensor([token_ids(tokenizer, messages)[-440:]])
        with torch.inference_mode():
            rows = model.generate(ids, do_sample=True, temperature=0.8, top_p=0.9, max_new_tokens=60, num_return_sequences=n,
                                  eos_token_id=[end, pad], pad_token_id=pad)  # fmt: skip
        found.append([tokenizer.decode(row[ids.shape[1] :], skip_special_tokens=True).strip() for row in rows])
    return found


@cache
def _reranker() -> Any:
    from therapist.reranker import Reranker

    return Reranker.load()


def measured(statements: list[dict], drafts: list[list[str]]) -> dict[str, float]:
    """What the drafts are like, and what the reranker makes of them; `statements` are rows with statement and history."""
    found = shares(statements, drafts)
    best = [
        _reranker().rank(e["statement"], texts, e["history"])[0] for e, texts in zip(statements, drafts, strict=True)
    ]
    return {
        "ends": found["ends by itself"], "only greets": found["gate"].get("greeting-only", 0.0), "role flips": found["gate"].get("role-flip", 0.0),
        "passes the gate": found["gate"].get("passes the gate", 0.0), "carries a detail": found["carries a detail"],
        "commonest opening": found["commonest opening"][1], "distinct-2": found["distinct-2"],
        "rerank score": float(np.mean([c.score for c in best])), "referred": float(np.mean([not c.qualifies for c in best])),
    }  # fmt: skip


def statements(data: Path, count: int = 100) -> list[dict]:
    """What the drafts answer: questions of counsel-chat's test set and statements of the corpus's, half and half."""
    rng = random.Random(0)
    questions = sorted({q for q, _ in asked(data, test=True)})
    mine = [{k: e[k] for k in ("statement", "history")} for e in rng.sample(corpus.entries("test"), count // 2)]
    return [*({"statement": q, "history": []} for q in rng.sample(questions, count // 2)), *mine]


def table(data: Path, out: Path, n: int = 4) -> tuple[dict[str, dict], list[dict]]:
    """The figures of every variant and of what ships, and what each would say to every statement."""
    from therapist import Settings
    from therapist.generators import EMBEDDED_FOLDER, from_settings

    asked_of = statements(data)
    told = [[*e["history"], user(e["statement"])] for e in asked_of]
    pairs = test_pairs(data)
    runs = trained(data, out)
    pictures.losses({name: folders for name, folders in runs.items() if name != BASE}, OUT.with_suffix(".png"))
    folders = {name: stages[-1] for name, stages in runs.items()} | {"what ships, free drafts": EMBEDDED_FOLDER}
    shipped = from_settings(Settings(timeout_s=120))
    drafts = {name: drafted(folder, told, n, seed=0) for name, folder in folders.items()}
    drafts["what ships"] = [shipped.generate(messages, n, seed) for seed, messages in enumerate(told)]
    figures: dict[str, dict] = {}
    for name, texts in drafts.items():
        # The shipped weights have read counsel-chat whole, so the test set says nothing about them.
        ours = name.startswith("what ships")
        figures[name] = ({} if ours else spelled(folders[name], pairs)) | measured(asked_of, texts)
        print(name, json.dumps(figures[name]), flush=True)
    said = [
        {**entry, "said": {name: _reranker().rank(entry["statement"], texts[i], entry["history"])[0].text for name, texts in drafts.items()}}
        for i, entry in enumerate(asked_of)
    ]  # fmt: skip
    return figures, said


def markdown(figures: dict[str, dict[str, float]]) -> list[str]:
    """A table, one row a recipe."""
    columns = list(dict.fromkeys(column for row in figures.values() for column in row))
    lines = [f"| recipe | {' | '.join(columns)} |", f"| --- |{' --- |' * len(columns)}"]
    for name, row in figures.items():
        lines.append(f"| {name} | {' | '.join(f'{row[c]:.2f}' if c in row else '' for c in columns)} |")
    return lines


def write(data: Path, out: Path) -> Path:
    """Train what is not trained, measure everything, write the table; the replies for judges lie in `out`."""
    figures, said = table(data, out)
    lines = markdown(figures)
    (out / "said.json").write_text(json.dumps(said, indent=1, ensure_ascii=False), encoding="utf-8")
    OUT.write_text("\n".join(["# The older projects' recipes on one base", "", "`python -m train seeds --data DIR`", "", *lines, "", "![losses](seeds.png)", ""]), encoding="utf-8")  # fmt: skip
    return OUT

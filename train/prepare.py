"""From sources to token rows: read, split, train the tokenizer, render through the one renderer, pack or pad."""

import hashlib
import json
import random
from collections.abc import Iterator
from pathlib import Path

import numpy as np

from therapist.conversation import CHAT_TEMPLATE, END, PAD, SPECIAL_TOKENS, Message, fit
from train import corpus, sources, turned
from train.recipe import Recipe, RecipeError, Source, Stage
from train.templates import keep_tokenizer, rendered_foreign, rendered_own

READERS = {
    "dialogues": sources.dialogues,
    "prose": sources.prose,
    "counsel": sources.counsel,
    "turned": turned.turned,
    "turned-corpus": turned.turned_corpus,
    "corpus": corpus.conversations,
    "generated": corpus.generated,
    "said": corpus.said,
    "ended": corpus.ended,
}
"Reader of a recipe's source to the function that yields its conversations."
VALIDATION_SHARE = 0.01
VALIDATION_MOST = 300


def read(source: Source, data: Path) -> Iterator[list[Message]]:
    """Conversations of one source."""
    if not source.path:
        yield from READERS[source.reader](**source.options)
        return
    path = data / source.path
    if not path.exists():
        raise RecipeError(
            f"{source.name} is not at {path}. Give the folder that holds {source.path} as --data DIR ({source.repository})."
        )
    yield from READERS[source.reader](path, **source.options)


def draw(text: str) -> float:
    """A number in [0, 1) that depends on the text alone, so that a split survives reordering and new rows."""
    return int.from_bytes(hashlib.sha256(text.encode()).digest()[:6]) / 2**48


def split(conversations: list[list[Message]]) -> tuple[list[list[Message]], list[list[Message]]]:
    """Training and validation conversations, split by the first message (the question), never by row."""
    train, valid = [], []
    for conversation in conversations:
        held = draw(conversation[0]["content"]) < VALIDATION_SHARE and len(valid) < VALIDATION_MOST
        (valid if held else train).append(conversation)
    return train, valid


def train_tokenizer(texts: Iterator[str], vocabulary: int, folder: Path) -> None:
    """A byte-level BPE tokenizer with the special tokens and the chat template, saved for transformers."""
    from tokenizers import Tokenizer, decoders, models, normalizers, pre_tokenizers, trainers
    from transformers import PreTrainedTokenizerFast

    tokenizer = Tokenizer(models.BPE())
    tokenizer.normalizer = normalizers.Sequence(
        [
            normalizers.NFC(),
            normalizers.Replace("’", "'"),
            normalizers.Replace("‘", "'"),
            normalizers.Replace("“", '"'),
            normalizers.Replace("”", '"'),
        ]
    )
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=True)
    tokenizer.decoder = decoders.ByteLevel()
    tokenizer.train_from_iterator(
        texts,
        trainers.BpeTrainer(
            vocab_size=vocabulary,
            special_tokens=list(SPECIAL_TOKENS),
            initial_alphabet=pre_tokenizers.ByteLevel.alphabet(),
            show_progress=False,
        ),
    )
    fast = PreTrainedTokenizerFast(
        tokenizer_object=tokenizer,
        eos_token=END,
        pad_token=PAD,
        model_max_length=512,
        clean_up_tokenization_spaces=False,
        additional_special_tokens=[t for t in SPECIAL_TOKENS if t not in (END, PAD)],
    )
    fast.chat_template = CHAT_TEMPLATE
    fast.save_pretrained(folder)


def rows(
    conversations: list[list[Message]], tokenizer, stage: Stage, *, own: bool = True
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Token ids, which of them carry loss, and where each row begins: `ids[int32]`, `loss[bool]`, `starts[int64]`.

    `own` says whether the chat template is the project's (`Model.own`).
    """
    render = rendered_own if own else rendered_foreign
    ids: list[int] = []
    loss: list[bool] = []
    starts = [0]
    for conversation in conversations:
        kept = (
            fit(conversation, stage.length, lambda m: len(render(tokenizer, m)[0]))
            if len(conversation) > 1
            else conversation
        )
        row, mask = render(tokenizer, kept)
        if stage.loss == "all":
            mask = [1] * len(row)
        if len(row) > stage.length and not stage.packed:
            continue  # One turn alone is over the length: leaving it out beats teaching a cut sentence.
        ids += row
        loss += [bool(m) for m in mask]
        starts.append(len(ids))
    if stage.packed:
        starts = list(range(0, len(ids) - stage.length + 1, stage.length))
        starts.append(starts[-1] + stage.length if starts else 0)
    return np.asarray(ids, np.int32), np.asarray(loss, bool), np.asarray(starts, np.int64)


def prepare(recipe: Recipe, data: Path, out: Path, stage: Stage) -> None:
    """Write `<out>/<stage>.npz` and one validation file a source; nothing is done twice."""
    from transformers import AutoTokenizer

    done = out / f"{stage.name}.manifest.json"
    if done.exists():
        return
    out.mkdir(parents=True, exist_ok=True)
    parts = {name: split(list(read(recipe.source(name), data))) for name in stage.mix}
    tokenizer_folder = out / "tokenizer"
    if not recipe.model.own:
        keep_tokenizer(recipe.model.start, tokenizer_folder)
    elif not (tokenizer_folder / "tokenizer.json").exists():
        # The project's own corpus counts ten times: its words are the ones that will be said.
        own = [c for s in recipe.sources if s.reader == "corpus" for c in read(s, data)] * 10
        texts = (m["content"] for c in [*(c for train, _ in parts.values() for c in train), *own] for m in c)
        train_tokenizer(texts, recipe.model.vocabulary, tokenizer_folder)
    tokenizer = AutoTokenizer.from_pretrained(tokenizer_folder)
    rng = random.Random(recipe.seed)
    mixed: list[list[Message]] = []
    for name, times in stage.mix.items():
        train, valid = parts[name]
        whole, part = int(times), times - int(times)
        mixed += train * whole + rng.sample(train, int(len(train) * part))
        if valid and not (out / f"valid-{name}.json").exists():
            (out / f"valid-{name}.json").write_text(json.dumps(valid, ensure_ascii=False), encoding="utf-8")
    rng.shuffle(mixed)
    ids, loss, starts = rows(mixed, tokenizer, stage, own=recipe.model.own)
    np.savez(out / f"{stage.name}.npz", ids=ids, loss=loss, starts=starts)
    done.write_text(
        json.dumps({"stage": stage.name, "conversations": len(mixed), "rows": len(starts) - 1, "tokens": len(ids)})
    )
    print(
        f"prepared {stage.name}: {len(mixed)} conversations, {len(starts) - 1} rows, {len(ids) / 1e6:.2f} M tokens",
        flush=True,
    )

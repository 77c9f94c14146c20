"""Drafting fast on a processor: n candidates for each of many people, in one loop, from one reading of the weights.

Where the time goes. A decode step reads every weight once, whatever the number of rows, and does two operations a
weight and row: 15 M weights are 60 MB in float32 and 15 MB in 8 bits, for 8 rows 0.25 GFLOP. On two cores that is
1.5 ms in 8 bits, and it would be 13 ms in float32. `transformers.generate` adds some 10 ms of bookkeeping. Hence:

- 8-bit linear layers (`bert.int8`), everything else in float32;
- the prompt is read once for its n candidates. A person's cache is one block [layers, places, keys | values]: the
  prompt first, then at each step one place for every candidate that is still being written. The candidates are query
  rows of one attention over that block, with a mask by which each sees the prompt and itself alone;
- what a candidate is to begin with is put in the place of what is sampled, token by token, and what it may go on with
  is sampled from the tokens that written sentences allow there (`endings`);
- a candidate that has ended has no row and takes no further places; who is late or has left takes their rows along;
- linear layers, head and sampling run on the rows of all people at once; attention runs person by person, so nobody
  is padded to somebody else's length, and people come and go between two steps.

Same seed, same replies. Every draft has its own random numbers, drawn before it begins: row i of [n, tokens] belongs to
candidate i. Attention and rows of a draft are computed alike beside any others, to the last bit.

Each loop computes in one thread: threads that share one product spin while they wait, and one busy neighbour makes
them eight times slower. So two cores get two loops, and the less busy one takes who comes next.

What is known: `BertLMHeadModel` with `is_decoder`, absolute positions and this project's chat template. For anything
else `knows` says no and `generators` leaves it to transformers.
"""

import json
import threading
import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from queue import SimpleQueue
from typing import Any

from therapist.bert import Bert, attention, by_heads, config, int8
from therapist.conversation import CHAT_TEMPLATE
from therapist.endings import Choice
from therapist.errors import GeneratorError, GeneratorTimeout

MOST_LIKELY = 64
"Tokens among which the share `top_p` is looked for first: sorting the whole vocabulary costs more than a layer."
CHOOSING = 1.2
"Temperature within written sentences: none of them is nonsense, so the candidates may differ."
SHAPE = {"architectures": ["BertLMHeadModel"], "is_decoder": True, "hidden_act": "gelu"}
ABSENT = {"add_cross_attention": False, "position_embedding_type": "absolute"}
SAMPLING = {
    "do_sample", "temperature", "top_p", "max_new_tokens", "eos_token_id", "pad_token_id", "bos_token_id",
    "transformers_version", "_from_model_config", "use_cache", "output_attentions", "output_hidden_states",
}  # fmt: skip
"Keys of a generation_config.json that are obeyed here; one more, such as a penalty, is left to transformers."


def knows(folder: Path) -> bool:
    """Whether a folder holds a model that this room computes as transformers would."""
    shape, template, sampling = config(folder), folder / "chat_template.jinja", folder / "generation_config.json"
    if not all((folder / name).is_file() for name in ("model.safetensors", "tokenizer.json", template.name)):
        return False
    asked = set(json.loads(sampling.read_text(encoding="utf-8"))) if sampling.is_file() else set()
    return (
        all(shape.get(k) == v for k, v in SHAPE.items())
        and all(shape.get(k, v) == v for k, v in ABSENT.items())
        and isinstance(shape.get("eos_token_id"), int)
        and template.read_text(encoding="utf-8") == CHAT_TEMPLATE
        and asked <= SAMPLING
    )


@dataclass(eq=False)
class Draft:
    """n candidates for one prompt: what is asked, and how far it has come."""

    prompt: list[int]
    begun: list[list[int]]
    "For each candidate the tokens that it begins with, which are not sampled; may be none."
    most: int
    "Longest candidate, in tokens, what it begins with included."
    seed: int
    deadline: float
    "On the clock of `time.monotonic`."
    cancel: threading.Event = field(default_factory=threading.Event)
    "Set by whoever no longer wants the candidates."
    choices: list[Choice | None] = field(default_factory=list)
    "For each candidate what it may go on with after its beginning; None for anything. Empty: all free."
    tokens: list[list[int]] = field(default_factory=list)
    "What has been written, without the end token."
    live: list[int] = field(default_factory=list)
    "Candidates that have not ended: the rows of this draft, in this order."
    error: Exception | None = None
    done: threading.Event = field(default_factory=threading.Event)
    chances: Any = None
    "Uniform random numbers, one a candidate and token."
    cache: Any = None
    "Keys and values, float32 [layers, places, 2 * width]."
    mask: Any = None
    "Added to the scores, float32 [live, places]: 0 for what a candidate sees, else minus infinity."
    filled: int = 0
    "Places of the cache that are taken."

    @property
    def n(self) -> int:
        """How many candidates are drafted."""
        return len(self.begun)


class Decoder:
    """A model of a folder, and the steps of decoding with it. It holds weights and nobody's words."""

    def __init__(self, folder: Path, temperature: float = 1.0, top_p: float = 1.0, linear: Any = int8) -> None:
        import torch
        from safetensors.torch import load_file

        shape, tensors = config(folder), load_file(folder / "model.safetensors")
        self.window, self.end = shape["max_position_embeddings"], shape["eos_token_id"]
        self.temperature, self.top_p = temperature, top_p
        self._bert = Bert(tensors, shape, "bert.", linear)
        head = {n.removeprefix("cls.predictions."): t.float() for n, t in tensors.items() if n.startswith("cls.")}
        self._transform = linear(head["transform.dense.weight"], head["transform.dense.bias"])
        self._norm = head["transform.LayerNorm.weight"], head["transform.LayerNorm.bias"]
        # Both stand under a name of their own only where they are not tied to the embeddings.
        self._vocabulary = linear(
            head.get("decoder.weight", self._bert.words.float()), head.get("decoder.bias", head["bias"])
        )
        self._torch = torch

    def logits(self, hidden: Any) -> Any:
        """Scores of every token, float32 [rows, vocabulary], from hidden states [rows, width]."""
        x = self._torch.nn.functional.gelu(self._transform(hidden))
        return self._vocabulary(self._torch.layer_norm(x, (self._bert.width,), *self._norm, self._bert.eps))

    def read(self, draft: Draft) -> Any:
        """Read a prompt into an empty cache: hidden states [tokens, width]."""
        torch, size = self._torch, len(draft.prompt)
        places = size + draft.n * draft.most
        draft.cache = torch.empty(self._bert.depth, places, 2 * self._bert.width)
        draft.mask = torch.full((draft.n, places), float("-inf"))
        draft.mask[:, :size] = 0
        draft.filled, draft.live, draft.tokens = size, list(range(draft.n)), [[] for _ in range(draft.n)]
        draft.choices = draft.choices or [None] * draft.n
        numbers = torch.Generator().manual_seed(draft.seed)
        draft.chances = torch.rand(draft.n, draft.most, generator=numbers).tolist()

        def attend(layer: int, qkv: Any) -> Any:
            draft.cache[layer, :size] = qkv[:, self._bert.width :]
            return attention(*(by_heads(part, self._bert.heads) for part in qkv.chunk(3, -1)), causal=True)

        return self._bert.hidden(torch.tensor(draft.prompt), torch.arange(size), attend)

    def begin(self, draft: Draft) -> None:
        """Read the prompt once and sample the first token of every candidate from it."""
        self._say([draft], self.logits(self.read(draft)[-1:]).repeat(draft.n, 1))

    def step(self, drafts: Sequence[Draft]) -> None:
        """One more token for every live candidate of every draft."""
        torch, width, heads = self._torch, self._bert.width, self._bert.heads
        counts = [len(d.live) for d in drafts]
        ids = torch.tensor([d.tokens[i][-1] for d in drafts for i in d.live])
        positions = torch.tensor([len(d.prompt) + len(d.tokens[i]) - 1 for d in drafts for i in d.live])
        for d, count in zip(drafts, counts, strict=True):
            d.mask[:, d.filled : d.filled + count].fill_diagonal_(0)
            d.filled += count

        def attend(layer: int, qkv: Any) -> Any:
            found = []
            for d, rows in zip(drafts, qkv.split(counts), strict=True):
                taken = d.cache[layer, : d.filled]
                taken[-len(rows) :] = rows[:, width:]
                keys, values = taken.view(d.filled, 2, heads, -1).permute(1, 2, 0, 3)
                found.append(attention(by_heads(rows[:, :width], heads), keys, values, d.mask[:, : d.filled]))
            return torch.cat(found) if len(found) > 1 else found[0]

        self._say(drafts, self.logits(self._bert.hidden(ids, positions, attend)))

    def _say(self, drafts: Sequence[Draft], logits: Any) -> None:
        """Sample a token for each row, and let go of the candidates that end with it."""
        chances = self._torch.tensor([d.chances[i][len(d.tokens[i])] for d in drafts for i in d.live])
        said = iter(self.sample(self._narrowed(drafts, logits), chances).tolist())
        for d in drafts:
            kept = []
            for row, i in enumerate(d.live):
                token, place = next(said), len(d.tokens[i])
                if place < len(d.begun[i]):
                    token = d.begun[i][place]
                elif choice := d.choices[i]:
                    d.choices[i] = choice.after[token]
                if token != self.end:
                    d.tokens[i].append(token)
                    if len(d.tokens[i]) < d.most:
                        kept.append(row)
            if len(kept) < len(d.live):
                d.live, d.mask = [d.live[row] for row in kept], d.mask[kept]

    def _narrowed(self, drafts: Sequence[Draft], logits: Any) -> Any:
        """Scores [rows, vocabulary] with minus infinity for what a row may not go on with."""
        rows = [(d.choices[i], len(d.tokens[i]) >= len(d.begun[i])) for d in drafts for i in d.live]
        for row, (choice, free) in enumerate(rows):
            if choice and free:
                scores = logits[row, choice.allowed] * (self.temperature / CHOOSING)
                logits[row] = float("-inf")
                logits[row, choice.allowed] = scores
        return logits

    def sample(self, logits: Any, chances: Any) -> Any:
        """Token ids [rows] from logits [rows, vocabulary] by temperature and top-p; `chances` [rows] in [0, 1) choose.

        The likeliest tokens whose sum reaches `top_p` are kept, as in `transformers.TopPLogitsWarper`.
        """
        every = (logits / self.temperature).softmax(-1)
        for most in (min(MOST_LIKELY, every.shape[-1]), every.shape[-1]):
            likely, ids = every.topk(most)
            reached = likely.cumsum(-1)
            if bool((reached[:, -1] >= self.top_p).all()):
                break
        likely = likely.where(reached - likely < self.top_p, 0.0)
        reached = likely.cumsum(-1)
        chosen = (reached <= chances[:, None] * reached[:, -1:]).sum(-1, keepdim=True).clamp_(max=most - 1)
        return ids.gather(-1, chosen)[:, 0]


class Loops:
    """Threads that decode for everybody who waits in `wait_for`."""

    def __init__(self, decoder: Decoder, threads: int) -> None:
        import torch

        torch.set_num_threads(1)
        self._loops = [_Loop(decoder) for _ in range(threads)]

    def wait_for(self, draft: Draft) -> list[list[int]]:
        """The tokens of a draft's candidates.

        Raises:
            GeneratorTimeout: its deadline has passed.
            GeneratorError: it was cancelled, or the model failed.
        """
        min(self._loops, key=lambda loop: loop.rows).take(draft)
        draft.done.wait()
        if draft.error:
            raise draft.error
        return draft.tokens


class _Loop:
    def __init__(self, decoder: Decoder) -> None:
        self.rows = 0
        "Candidates waited for, ended ones included; only read to see which loop is less busy."
        self._decoder, self._arrived = decoder, SimpleQueue[Draft]()
        threading.Thread(target=self._run, name="decode", daemon=True).start()

    def take(self, draft: Draft) -> None:
        self.rows += draft.n
        self._arrived.put(draft)

    def _run(self) -> None:
        import torch

        drafts: list[Draft] = []
        with torch.inference_mode():
            while True:
                while not drafts or not self._arrived.empty():
                    drafts += self._guarded([self._arrived.get()], begin=True)
                drafts = self._guarded(drafts)

    def _guarded(self, drafts: list[Draft], begin: bool = False) -> list[Draft]:
        """Work on drafts: those that are not finished by it. A failure ends only the drafts that it happened to."""
        try:
            drafts = [d for d in drafts if not self._given_up(d)]
            if begin:
                for d in drafts:
                    self._decoder.begin(d)
            elif drafts:
                self._decoder.step(drafts)
            return [d for d in drafts if d.live or self._end(d)]
        except Exception as error:
            for d in drafts:
                self._end(d, GeneratorError(f"Drafting failed with {type(error).__name__}."))
            return []

    def _given_up(self, draft: Draft) -> bool:
        if draft.cancel.is_set():
            return not self._end(draft, GeneratorError("The drafts are no longer wanted."))
        if time.monotonic() > draft.deadline:
            return not self._end(draft, GeneratorTimeout("Drafting did not finish in time."))
        return False

    def _end(self, draft: Draft, error: Exception | None = None) -> bool:
        """Always false: an ended draft does not stay."""
        draft.error, draft.cache, draft.mask = error, None, None
        self.rows -= draft.n
        draft.done.set()
        return False

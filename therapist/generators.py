"""Drafting candidates: a causal language model in this process, or an OpenAI-compatible server.

Both draft n replies to one conversation and say nothing about their worth; vetting and reranking do that.
"""

import json
import threading
import time
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any, Protocol

from therapist import decoder, devices
from therapist.clauses import beginnings
from therapist.conversation import Message, fit, rendered, token_ids
from therapist.endings import Endings
from therapist.errors import ArtefactError, EndpointError, GeneratorError, GeneratorTimeout, RefusedError
from therapist.settings import EMBEDDED, Settings
from therapist.spending import Spending, estimate

DATA = Path(__file__).parent / "data"
EMBEDDED_FOLDER = DATA / "models" / "embedded"
HINTS = {
    401: "Check THERAPIST_API_KEY.",
    404: "Check the address and the model's name.",
    429: "The server asks for fewer calls.",
}
"What to do about a status that a model server answers with."
STOPS = ("\nUser:", "\nHuman:", "<|im_end|>", "<|eot_id|>")
"Where a model of others begins to speak for the person, or shows the end that it means; servers take four at most."

LONGEST = 48
"Tokens of a draft's beginning, at most."
WINDOW = 1536
"Tokens of a talk, about, that a server is sent: the newest turns, so that no talk outgrows its window or the bill."


def ended(text: str) -> str:
    """A draft up to the first stop: some servers ignore them."""
    return text[: min((at for stop in STOPS if (at := text.find(stop)) >= 0), default=len(text))].strip()


def instructed(messages: Sequence[Message]) -> list[dict[str, Any]]:
    """A conversation headed by the instruction, for models that were not trained by this project."""
    instruction = (DATA / "en" / "instruction.txt").read_text(encoding="utf-8").strip()
    return [{"role": "system", "content": instruction}, *(dict(m) for m in messages)]


class Generator(Protocol):
    """Anything that drafts candidates."""

    name: str

    def generate(
        self, messages: Sequence[Message], n: int, seed: int | None = None, cancel: threading.Event | None = None
    ) -> list[str]:
        """Draft n replies to a conversation that ends with the person; once `cancel` is set, nobody waits for them.

        Raises:
            GeneratorError: nothing could be drafted, or not in time. The message never holds what was said.
        """
        ...


def from_settings(settings: Settings) -> Generator:
    """The generator that the settings ask for, loaded: the fast one where it knows the model."""
    if settings.base_url:
        return EndpointGenerator(settings)
    folder = EMBEDDED_FOLDER if settings.model == EMBEDDED else Path(settings.model)
    return FastGenerator(settings, folder) if decoder.knows(folder) else LocalGenerator(settings)


def _fitted(messages: Sequence[Message], budget: int, prompt: Callable[[Sequence[Message]], list[int]]) -> list[int]:
    """The newest turns that fit; of one turn that is longer than the window its end, which says what is meant now."""
    ids = prompt(fit(messages, budget, lambda m: len(prompt(m))))
    return ids if len(ids) <= budget else ids[:1] + ids[-budget + 1 :]


def _fresh_seed() -> int:
    return int(time.time_ns()) & 0xFFFFFFFF


class FastGenerator:
    """A model that `decoder` knows, drafting for many people at once, without transformers.

    A draft begins with a clause of the person's own, turned to "you", and goes on with a written sentence that the
    model chooses: left alone, one this small says what is not so.
    """

    def __init__(self, settings: Settings, folder: Path) -> None:
        from tokenizers import Tokenizer

        self._tokenizer = Tokenizer.from_file(str(folder / "tokenizer.json"))
        model = decoder.Decoder(folder, settings.temperature, settings.top_p)
        self._loops = decoder.Loops(model, settings.threads)
        self._budget = model.window - settings.max_new_tokens - LONGEST
        self._settings, self.name = settings, settings.model
        self._endings = Endings(self._encode, model.end)

    def generate(
        self, messages: Sequence[Message], n: int, seed: int | None = None, cancel: threading.Event | None = None
    ) -> list[str]:
        clauses = beginnings(messages[-1]["content"], n)
        begun = [self._encode(words)[:LONGEST] for words in clauses]
        most = self._settings.max_new_tokens + max(map(len, begun))
        told = " ".join(m["content"] for m in messages if m["role"] == "user")
        asked = len(messages) > 1 and "?" in messages[-2]["content"]  # two questions in a row are an interview
        draft = decoder.Draft(
            prompt=_fitted(messages, self._budget, self._prompt), begun=begun, most=most,
            choices=[*self._endings.fitting(told, messages[-1]["content"], clauses, not asked)],
            seed=_fresh_seed() if seed is None else seed, deadline=time.monotonic() + self._settings.timeout_s,
            cancel=cancel or threading.Event(),
        )  # fmt: skip
        return [text.strip() for text in self._tokenizer.decode_batch(self._loops.wait_for(draft))]

    def _prompt(self, messages: Sequence[Message]) -> list[int]:
        return self._encode(rendered(messages))

    def _encode(self, text: str) -> list[int]:
        return self._tokenizer.encode(text, add_special_tokens=False).ids if text else []


class LocalGenerator:
    """A causal language model run here by transformers, one draft at a time."""

    def __init__(self, settings: Settings) -> None:
        import torch
        from transformers import AutoModelForCausalLM, AutoTokenizer
        from transformers.utils.logging import disable_progress_bar

        disable_progress_bar()  # bars would run over what a person writes in a terminal
        place, _, revision = (str(EMBEDDED_FOLDER) if settings.model == EMBEDDED else settings.model).partition("@")
        if settings.model == EMBEDDED and not (EMBEDDED_FOLDER / "model.safetensors").exists():
            raise ArtefactError(
                f"No weights at {EMBEDDED_FOLDER}. Train them with: python -m train train/recipes/embedded.toml"
            )
        torch.set_num_threads(settings.threads)
        # The embedded model is too small to gain from a GPU, and without one it needs nobody's quota.
        self._device = "cpu" if settings.model == EMBEDDED else devices.place()
        # float32: for a model this small it is as fast as bfloat16 on a processor without matrix units, and exact.
        dtype = torch.bfloat16 if self._device == "cuda" else torch.float32
        self._model: Any = AutoModelForCausalLM.from_pretrained(place, revision=revision or None, dtype=dtype)
        self._model.to(self._device).eval()
        self._draft = devices.lent(self._sample, settings.timeout_s) if self._device == "cuda" else self._sample
        self._tokenizer: Any = AutoTokenizer.from_pretrained(place, revision=revision or None)
        if self._tokenizer.chat_template is None:
            raise ArtefactError(
                f"{settings.model} has no chat template, so it cannot take part in a conversation. "
                "Choose a chat or instruct model."
            )
        if self._tokenizer.pad_token_id is None:
            self._tokenizer.pad_token = self._tokenizer.eos_token
        self._settings = settings
        self._lock = threading.Lock()
        window = getattr(self._model.config, "max_position_embeddings", None) or 2048
        self._budget = min(window, 2048) - settings.max_new_tokens
        self.name = settings.model

    def generate(
        self, messages: Sequence[Message], n: int, seed: int | None = None, cancel: threading.Event | None = None
    ) -> list[str]:
        prompt = _fitted(messages, self._budget, self._prompt)
        deadline = time.monotonic() + self._settings.timeout_s
        if not self._lock.acquire(timeout=self._settings.timeout_s):
            raise GeneratorTimeout(f"Waited {self._settings.timeout_s} s for earlier drafts to end.")
        try:
            # A lent GPU is another process, which an event does not reach.
            return self._draft(prompt, n, seed, deadline, cancel if self._device == "cpu" else None)
        except GeneratorError:
            raise
        except Exception as error:
            raise GeneratorError(f"{self.name} failed with {type(error).__name__}.") from None
        finally:
            self._lock.release()

    def _prompt(self, messages: Sequence[Message]) -> list[int]:
        own = self._settings.model == EMBEDDED
        return token_ids(self._tokenizer, messages if own else instructed(messages))

    def _sample(
        self, prompt: list[int], n: int, seed: int | None, deadline: float, cancel: threading.Event | None
    ) -> list[str]:
        import torch
        from transformers import StoppingCriteriaList

        # The only seed that `generate` knows is the global one; the lock above makes it safe.
        torch.manual_seed(_fresh_seed() if seed is None else seed)
        ids = torch.tensor([prompt], device=self._device)

        def late(sequences: Any, scores: Any, **_: Any) -> Any:
            over = time.monotonic() > deadline or (cancel is not None and cancel.is_set())
            return torch.full((sequences.shape[0],), over, device=self._device)

        with torch.inference_mode():
            out = self._model.generate(
                input_ids=ids, attention_mask=torch.ones_like(ids), num_return_sequences=n, do_sample=True,
                temperature=self._settings.temperature, top_p=self._settings.top_p, top_k=0,
                max_new_tokens=self._settings.max_new_tokens, pad_token_id=self._tokenizer.pad_token_id,
                stopping_criteria=StoppingCriteriaList([late]),
            )  # fmt: skip
        if time.monotonic() > deadline:
            raise GeneratorTimeout(f"{self.name} did not finish within {self._settings.timeout_s} s.")
        return [ended(t) for t in self._tokenizer.batch_decode(out[:, len(prompt) :], skip_special_tokens=True)]


class EndpointGenerator:
    """An OpenAI-compatible chat server; one that ignores `n` is asked again until n replies are there."""

    def __init__(self, settings: Settings) -> None:
        import httpx

        self._settings = settings
        base = settings.base_url.rstrip("/")
        self._url = (base if base.endswith("/v1") else base + "/v1") + "/chat/completions"
        headers = {"Authorization": f"Bearer {settings.api_key}"} if settings.api_key else {}
        # trust_env=False: a proxy from the environment must not see what a person wrote.
        self._client = httpx.Client(headers=headers, timeout=settings.timeout_s, trust_env=False)
        self._spending = Spending(settings.hourly_tokens)
        self._one_by_one = False
        self.name = settings.model if settings.model != EMBEDDED else "default"

    def generate(
        self, messages: Sequence[Message], n: int, seed: int | None = None, cancel: threading.Event | None = None
    ) -> list[str]:
        deadline = time.monotonic() + self._settings.timeout_s
        messages = fit(messages, WINDOW, lambda m: estimate(m, 0, 0))
        texts = self._first(messages, n, seed, deadline)
        missing = min(n - len(texts), self._settings.max_requests - 1)
        if missing > 0:
            with ThreadPoolExecutor(max_workers=missing) as pool:
                seeds = [None if seed is None else seed + i for i in range(1, missing + 1)]
                for more in pool.map(lambda s: self._top_up(messages, s, deadline), seeds):
                    texts += more[:1]
        return texts[:n]

    def _first(self, messages: Sequence[Message], n: int, seed: int | None, deadline: float) -> list[str]:
        """All replies at once, or one from a server that refuses to draft several."""
        if not self._one_by_one:
            try:
                return self._ask(messages, n, seed, deadline)
            except RefusedError:
                if n == 1:
                    raise
        texts = self._ask(messages, 1, seed, deadline)
        self._one_by_one = True  # one was fine, so it was the number that it refused
        return texts

    def _top_up(self, messages: Sequence[Message], seed: int | None, deadline: float) -> list[str]:
        """One more reply, or none: the first ones are there already."""
        try:
            return self._ask(messages, 1, seed, deadline)
        except GeneratorError:
            return []

    def _ask(self, messages: Sequence[Message], n: int, seed: int | None, deadline: float) -> list[str]:
        import httpx

        body: dict[str, Any] = {
            "model": self.name, "messages": instructed(messages), "n": n, "max_tokens": self._settings.max_new_tokens,
            "temperature": self._settings.temperature, "top_p": self._settings.top_p, "stop": list(STOPS),
        }  # fmt: skip
        if seed is not None:
            body["seed"] = seed
        remaining = deadline - time.monotonic()
        if remaining <= 0:
            raise GeneratorTimeout(f"{self._url} did not answer within {self._settings.timeout_s} s.")
        reserved = self._spending.reserve(estimate(body["messages"], n, self._settings.max_new_tokens))
        if reserved is None:
            raise EndpointError(f"THERAPIST_HOURLY_TOKENS {self._settings.hourly_tokens:,} are spent for this hour.")
        try:
            with self._client.stream("POST", self._url, json=body, timeout=remaining) as response:
                content = bytearray()
                for piece in response.iter_bytes():  # the client's own time-out begins anew with every piece
                    content += piece
                    if time.monotonic() > deadline:
                        raise httpx.ReadTimeout("late")
        except httpx.TimeoutException:
            raise GeneratorTimeout(f"{self._url} did not answer within {self._settings.timeout_s} s.") from None
        except httpx.HTTPError as error:
            if isinstance(error, httpx.ConnectError):
                self._spending.settle(reserved, 0)
            raise EndpointError(
                f"{self._url} could not be reached ({type(error).__name__}). Is the server up?"
            ) from None
        if response.status_code != 200:
            self._spending.settle(reserved, 0)
            hint = HINTS.get(response.status_code, "See the log of the server.")
            kind = RefusedError if response.status_code in (400, 422) else EndpointError
            raise kind(f"{self._url} answered {response.status_code}. {hint}")
        texts, used = _texts(bytes(content), self._url)
        if used is not None:
            self._spending.settle(reserved, used)
        return texts


def _texts(content: bytes, url: str) -> tuple[list[str], int | None]:
    """The replies in a completion, and the tokens that it cost where the server counts them.

    Raises:
        EndpointError: the body is no chat completion.
    """
    try:
        body = json.loads(content)
        choices = body["choices"]
        texts = [choice["message"]["content"] for choice in choices]
    except (ValueError, KeyError, TypeError, IndexError):
        raise EndpointError(f"{url} answered with something that is no chat completion.") from None
    if not texts or not all(isinstance(t, str) for t in texts):
        raise EndpointError(f"{url} answered with a completion that holds no text.")
    usage = body.get("usage")
    used = usage.get("total_tokens") if isinstance(usage, dict) else None
    return [ended(t) for t in texts], used if isinstance(used, int) else None

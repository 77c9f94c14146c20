"""A conversation, and the one way it is rendered for a model.

Training and serving both go through `CHAT_TEMPLATE` (kept in the tokenizer) and `fit`, so that a model meets at
serving time exactly the shape that it was trained on.
"""

from collections.abc import Callable, Sequence
from typing import Any, Literal, TypedDict

Role = Literal["user", "assistant"]

USER, ASSISTANT, END, PAD = "<|user|>", "<|assistant|>", "<|end|>", "<|pad|>"
SPECIAL_TOKENS = (PAD, END, USER, ASSISTANT)

# The generation marks tell trainers which tokens are the assistant's: the loss is taken on those only, END included,
# which is how a model learns to stop. An instruction is left out: a server that runs these weights is sent one.
CHAT_TEMPLATE = (
    "{% for m in messages %}{% if m['role'] == 'user' %}<|user|>{{ m['content'] }}<|end|>"
    "{% elif m['role'] == 'assistant' %}<|assistant|>{% generation %}{{ m['content'] }}<|end|>{% endgeneration %}"
    "{% endif %}{% endfor %}"
    "{% if add_generation_prompt %}<|assistant|>{% endif %}"
)


class Message(TypedDict):
    """One turn: who spoke, and what was said."""

    role: Role
    content: str


def user(content: str) -> Message:
    return Message(role="user", content=content)


def assistant(content: str) -> Message:
    return Message(role="assistant", content=content)


def with_card(card: str, acknowledgement: str, history: Sequence[Message]) -> list[Message]:
    """A history headed by what the person wants to be remembered, as turns of their own.

    So generator, vetting, reranker and risk read it by the one renderer, as if it had been said first, and nothing
    needs to know that there is such a card. When a long talk has to be cut, it goes first.
    """
    return [user(card), assistant(acknowledgement), *history] if card else list(history)


def fit(messages: Sequence[Message], budget: int, count: Callable[[Sequence[Message]], int]) -> list[Message]:
    """Drop the oldest whole turns until `count(messages)` is at most `budget` tokens; the newest turn always stays.

    A message is never cut in the middle, and what remains begins with the person, so that a model never meets a
    reply without what it replied to.
    """
    kept = list(messages)
    while len(kept) > 1 and (count(kept) > budget or kept[0]["role"] != "user"):
        kept.pop(0)
    return kept


def rendered(messages: Sequence[Message]) -> str:
    """What `CHAT_TEMPLATE` makes of a conversation and the invitation to answer, without an engine for templates."""
    return "".join(f"<|{m['role']}|>{m['content']}{END}" for m in messages) + ASSISTANT


def token_ids(tokenizer: Any, messages: Sequence[Any], *, add_generation_prompt: bool = True) -> list[int]:
    """Token ids of a rendered conversation, by the tokenizer's own chat template."""
    return tokenizer.apply_chat_template(
        list(messages), add_generation_prompt=add_generation_prompt, tokenize=True, return_dict=True
    )["input_ids"]

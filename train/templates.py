"""Conversations as token rows with the tokens of the replies marked, by our chat template or by a base model's own."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from therapist.conversation import Message
from therapist.generators import instructed
from train.recipe import RecipeError


def keep_tokenizer(start: str, folder: Path) -> None:
    """Save the tokenizer of a base model, chat template included, as the one that a road uses.

    Raises:
        RecipeError: the base has no chat template, so it cannot take part in a conversation.
    """
    from transformers import AutoTokenizer

    tokenizer: Any = AutoTokenizer.from_pretrained(start)
    if tokenizer.chat_template is None:
        raise RecipeError(f"{start} has no chat template. Start from a chat or instruct model.")
    if tokenizer.pad_token_id is None:
        tokenizer.pad_token = tokenizer.eos_token
    tokenizer.save_pretrained(folder)


def rendered_own(tokenizer: Any, messages: Sequence[Message]) -> tuple[list[int], list[int]]:
    """Ids, and 1 for every token of a reply: our template marks them itself."""
    out = tokenizer.apply_chat_template(
        list(messages), tokenize=True, return_dict=True, return_assistant_tokens_mask=True
    )
    return out["input_ids"], out["assistant_masks"]


def rendered_foreign(tokenizer: Any, messages: Sequence[Message]) -> tuple[list[int], list[int]]:
    """Ids, and 1 for every token of a reply and the special token that ends it, headed by the instruction of serving.

    Templates of others rarely mark the replies, so they are looked for in the text: each begins where the turns before it
    and the invitation to answer end.
    """
    told = instructed(messages)
    text = tokenizer.apply_chat_template(told, tokenize=False)
    encoded = tokenizer(text, add_special_tokens=False, return_offsets_mapping=True)
    ids, offsets = encoded["input_ids"], encoded["offset_mapping"]
    special, mask, at = set(tokenizer.all_special_ids), [0] * len(ids), 0
    for i, message in enumerate(told):
        content = message["content"].strip()
        begin = text.find(content, at)
        if begin < 0:
            raise RecipeError(f"The chat template of {tokenizer.name_or_path} changes what is said: {content[:60]!r}.")
        at = begin + len(content)
        if message["role"] == "assistant":
            invited = tokenizer.apply_chat_template(told[:i], tokenize=False, add_generation_prompt=True)
            # What stands between the invitation and the words (an empty thought, say) is the model's to write.
            begin = min(begin, len(invited)) if text.startswith(invited) else begin
            inside = [j for j, (a, b) in enumerate(offsets) if b > begin and a < at and b > a]
            ends = inside[-1] + 1
            if ends < len(ids) and ids[ends] in special:
                inside.append(ends)
            for j in inside:
                mask[j] = 1
    return ids, mask

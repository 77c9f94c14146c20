"""The fast path beside transformers: the same scores, the same sampling, and replies that do not depend on neighbours."""

import json
import shutil
import threading
import time

import pytest
import torch

from therapist.bert import exact, int8
from therapist.conversation import assistant, rendered, token_ids, user
from therapist.decoder import Decoder, Draft, Loops, knows
from therapist.errors import GeneratorError, GeneratorTimeout
from therapist.generators import EMBEDDED_FOLDER, FastGenerator
from therapist.settings import Settings

TALK = [user("My dog died on Sunday."), assistant("You lost him on Sunday."), user("The house is so quiet now.")]


@pytest.fixture(scope="module")
def theirs():
    """The embedded model and its tokenizer as transformers loads them."""
    from transformers import AutoModelForCausalLM, AutoTokenizer

    model = AutoModelForCausalLM.from_pretrained(EMBEDDED_FOLDER, dtype=torch.float32).eval()
    return model, AutoTokenizer.from_pretrained(EMBEDDED_FOLDER)


@pytest.fixture(scope="module")
def ours() -> Decoder:
    return Decoder(EMBEDDED_FOLDER, temperature=0.5, top_p=0.85)


@pytest.fixture(scope="module")
def generator() -> FastGenerator:
    return FastGenerator(Settings(timeout_s=120), EMBEDDED_FOLDER)


def draft(prompt: list[int], n: int = 4, seed: int = 1, most: int = 24, seconds: float = 120) -> Draft:
    return Draft(prompt, [[] for _ in range(n)], most, seed, time.monotonic() + seconds)


@torch.inference_mode()
def written(decoder: Decoder, *drafts: Draft) -> list[list[list[int]]]:
    """What becomes of drafts that are decoded together, each beginning one step after the one before."""
    waiting, going = list(drafts), []
    while waiting or going:
        if waiting:
            decoder.begin(waiting[0])
            going.append(waiting.pop(0))
        going = [d for d in going if d.live]
        if going:
            decoder.step(going)
    return [d.tokens for d in drafts]


def replayed(model, decoder: Decoder, prompt: list[int], n: int) -> list[int]:
    """Lengths of candidates, each of whose tokens is what the scores of transformers and its random number make it."""
    d = draft(prompt, n)
    for i, tokens in enumerate(written(decoder, d)[0]):
        scores = model(torch.tensor([prompt + tokens])).logits[0, len(prompt) - 1 :]
        said = [*tokens, decoder.end][: d.most]
        assert decoder.sample(scores[: len(said)], torch.tensor(d.chances[i][: len(said)])).tolist() == said
        assert len(set(said)) > 3
    return [len(tokens) for tokens in d.tokens]


def another_model(folder, **shape):
    """A decoder of another shape with random weights large enough to matter, saved where the embedded one's words are."""
    from transformers import BertConfig, BertLMHeadModel

    torch.manual_seed(0)
    shutil.copytree(EMBEDDED_FOLDER, folder)
    config = BertConfig.from_pretrained(EMBEDDED_FOLDER, initializer_range=0.2, **shape)
    model = BertLMHeadModel(config).eval()
    for name, weight in model.named_parameters():
        if name.endswith("bias"):
            torch.nn.init.normal_(weight, std=0.2)
    model.save_pretrained(folder)
    return model


@torch.inference_mode()
def test_in_float32_the_scores_are_those_of_transformers(theirs):
    model, tokenizer = theirs
    prompt = token_ids(tokenizer, TALK)
    decoder = Decoder(EMBEDDED_FOLDER, linear=exact)
    found = decoder.logits(decoder.read(draft(prompt)))
    assert (found - model(torch.tensor([prompt])).logits[0]).abs().max() < 1e-4


@torch.inference_mode()
def test_in_8_bits_the_scores_are_nearly_those_of_transformers(theirs, ours):
    model, tokenizer = theirs
    prompt = token_ids(tokenizer, TALK)
    found, wanted = ours.logits(ours.read(draft(prompt))), model(torch.tensor([prompt])).logits[0]
    apart = torch.nn.functional.kl_div(found.log_softmax(-1), wanted.log_softmax(-1), log_target=True, reduction="none")
    assert (found - wanted).abs().mean() < 0.15
    assert apart.sum(-1).mean() < 0.02


@pytest.mark.parametrize(
    "shape",
    [
        {"num_hidden_layers": 9, "hidden_size": 96, "num_attention_heads": 6, "intermediate_size": 160},
        {"num_hidden_layers": 2, "hidden_size": 64, "num_attention_heads": 2, "tie_word_embeddings": False},
    ],
)
@torch.inference_mode()
def test_token_by_token_a_model_of_another_shape_scores_as_in_transformers(tmp_path, shape):
    model = another_model(tmp_path / "model", **shape)
    assert knows(tmp_path / "model")
    replayed(model, Decoder(tmp_path / "model", linear=exact), list(range(40, 90)), n=3)


@torch.inference_mode()
def test_candidates_that_end_at_different_times_are_scored_as_in_transformers(theirs):
    model, tokenizer = theirs
    lengths = replayed(model, Decoder(EMBEDDED_FOLDER, linear=exact), token_ids(tokenizer, TALK), n=8)
    assert len(set(lengths)) > 2


@pytest.mark.parametrize("scale", [0.01, 1.0, 4.0])
def test_tokens_are_sampled_as_transformers_would(ours, scale):
    from transformers import TemperatureLogitsWarper, TopPLogitsWarper

    torch.manual_seed(0)
    logits = torch.randn(1, 500) * scale
    warped = TopPLogitsWarper(0.85)(None, TemperatureLogitsWarper(0.5)(None, logits)).softmax(-1)[0]
    count = 20_000
    found = ours.sample(logits.expand(count, -1), (torch.arange(count) + 0.5) / count)
    assert (torch.bincount(found, minlength=500) / count - warped).abs().max() < 2e-4


def test_the_same_seed_writes_the_same_alone_and_beside_others(ours, theirs):
    prompts = [token_ids(theirs[1], TALK[i:]) for i in (0, 2)] + [list(range(30, 230))]
    alone = [written(ours, draft(p, n, seed=i))[0] for i, (p, n) in enumerate(zip(prompts, (4, 1, 8), strict=True))]
    beside = written(ours, *(draft(p, n, seed=i) for i, (p, n) in enumerate(zip(prompts, (4, 1, 8), strict=True))))
    assert beside == alone
    assert written(ours, draft(prompts[0], seed=9))[0] != alone[0]


def test_one_row_computes_to_the_last_bit_what_it_computes_beside_others():
    torch.manual_seed(0)
    layer, rows = int8(torch.randn(96, 64), torch.randn(96)), torch.randn(33, 64)
    rows[5] *= 1000
    assert torch.equal(layer(rows)[2:3], layer(rows[2:3]))


def test_a_candidate_that_has_ended_takes_no_further_row_or_place(ours, theirs):
    d = draft(token_ids(theirs[1], TALK), n=8, most=40)
    written(ours, d)
    lengths = [len(t) for t in d.tokens]
    assert min(lengths) < max(lengths)
    assert d.filled == len(d.prompt) + sum(min(length, d.most - 1) for length in lengths)


def test_people_who_come_at_once_get_what_each_would_get_alone(generator):
    said = ["I failed my exam.", "Nobody called on my birthday.", "My knee hurts and I am tired.", "I miss my brother."]
    alone = [generator.generate([user(s)], 3, seed=i) for i, s in enumerate(said)]
    found: dict[int, list[str]] = {}
    people = [
        threading.Thread(target=lambda i=i, s=s: found.update({i: generator.generate([user(s)], 3, seed=i)}))
        for i, s in enumerate(said)
    ]
    for person in people:
        person.start()
    for person in people:
        person.join()
    assert [found[i] for i in range(len(said))] == alone


def test_drafting_stops_when_the_person_leaves():
    decoder = Decoder(EMBEDDED_FOLDER)
    decoder.end = -1  # nothing ends by itself
    loops, d = Loops(decoder, 1), draft(list(range(40, 60)), n=16, most=400)
    threading.Timer(0.3, d.cancel.set).start()
    with pytest.raises(GeneratorError, match="no longer wanted"):
        loops.wait_for(d)
    assert 0 < len(d.tokens[0]) < 400 and d.cache is None


def test_a_draft_that_is_late_is_given_up_and_the_next_one_is_written(theirs):
    loops, prompt = Loops(Decoder(EMBEDDED_FOLDER), 1), token_ids(theirs[1], TALK)
    with pytest.raises(GeneratorTimeout):
        loops.wait_for(draft(prompt, seconds=-1))
    assert all(loops.wait_for(draft(prompt)))


def test_a_draft_that_breaks_takes_nobody_with_it(theirs):
    loops, prompt = Loops(Decoder(EMBEDDED_FOLDER), 1), token_ids(theirs[1], TALK)
    with pytest.raises(GeneratorError, match="Drafting failed with IndexError"):
        loops.wait_for(draft([10**6]))
    assert all(loops.wait_for(draft(prompt)))


def test_a_talk_is_rendered_as_the_models_template_renders_it(theirs, generator):
    assert generator._prompt(TALK) == token_ids(theirs[1], TALK)
    assert rendered(TALK).endswith("<|user|>The house is so quiet now.<|end|><|assistant|>")


@pytest.mark.parametrize(
    ("file", "change"),
    [
        ("config.json", {"architectures": ["GPT2LMHeadModel"]}),
        ("config.json", {"is_decoder": False}),
        ("config.json", {"hidden_act": "relu"}),
        ("config.json", {"position_embedding_type": "relative_key"}),
        ("generation_config.json", {"repetition_penalty": 1.2}),
        ("chat_template.jinja", None),
    ],
)
def test_what_it_does_not_know_is_left_to_transformers(tmp_path, file, change):
    shutil.copytree(EMBEDDED_FOLDER, folder := tmp_path / "model")
    assert knows(folder)
    path = folder / file
    path.write_text(json.dumps({**json.loads(path.read_text()), **change}) if change else "{{ messages }}")
    assert not knows(folder)


def test_a_candidate_begins_with_what_it_was_given_and_goes_on_as_if_it_had_said_that_itself(ours):
    begun = [[], ours_tokens("You lost him on Sunday"), []]
    prompt = list(range(300, 330))
    d = Draft(prompt, begun, 24, 1, time.monotonic() + 120)
    free = draft(prompt, n=3)
    written(ours, d)
    written(ours, free)
    assert d.tokens[1][: len(begun[1])] == begun[1]
    assert [d.tokens[0], d.tokens[2]] == [free.tokens[0], free.tokens[2]]


def test_most_drafts_begin_with_the_person_s_own_words(generator):
    said = generator.generate([user("I got laid off on Monday and I have two kids.")], 8, seed=3)
    assert sum(text.startswith(("You got laid off on Monday", "You have two kids")) for text in said) >= 6


def ours_tokens(text: str) -> list[int]:
    from tokenizers import Tokenizer

    return Tokenizer.from_file(str(EMBEDDED_FOLDER / "tokenizer.json")).encode(text, add_special_tokens=False).ids

"""Larger models by the same road: a tiny Llama with a chat template of its own, adapted, killed, shared, merged, pushed, served."""

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
from conftest import free_port
from fake_hub import FakeHub, Space
from huggingface_hub import HfApi

pytest.importorskip("peft", reason="training needs train/requirements.txt")

from train.hub import push
from train.recipe import RecipeError, Stage, load

pytestmark = pytest.mark.timeout(900)  # several trainings of some seconds, each in a process of its own

TEMPLATE = (
    "{% for m in messages %}[{{ m['role'] }}]\n{{ m['content'] | trim }}<|stop|>\n{% endfor %}"
    "{% if add_generation_prompt %}[assistant]\n{% endif %}"
)
RECIPE = """
name = "tiny"
seed = 3

[model]
start = {start}
licence = "apache-2.0"

[lora]
r = 4
alpha = 8

[[sources]]
name = "corpus"
reader = "corpus"
repository = "this project, train/corpus"
licence = "CC-BY-4.0"
options = {{ parts = ["dialogues"] }}

[[stages]]
name = "listen"
loss = "reply"
length = 512
batch = 4
accumulate = {accumulate}
checkpointing = {checkpointing}
bf16 = {bf16}
epochs = 1
learning_rate = 1e-2
mix = {{ corpus = 0.2 }}
"""


@pytest.fixture(scope="module")
def base(tmp_path_factory) -> Path:
    """A Llama of two thin layers with random weights, and a tokenizer whose template marks no replies, as on the Hub."""
    from tokenizers import Tokenizer, decoders, models, pre_tokenizers, trainers
    from transformers import LlamaConfig, LlamaForCausalLM, PreTrainedTokenizerFast, set_seed

    from train import corpus

    folder = tmp_path_factory.mktemp("base")
    tokenizer = Tokenizer(models.BPE())
    tokenizer.pre_tokenizer, tokenizer.decoder = pre_tokenizers.ByteLevel(add_prefix_space=False), decoders.ByteLevel()
    alphabet = pre_tokenizers.ByteLevel.alphabet()
    trainer = trainers.BpeTrainer(
        vocab_size=700, special_tokens=["<|stop|>"], initial_alphabet=alphabet, show_progress=False
    )
    texts = [m["content"] for row in corpus.lines(corpus.FOLDER / "feedback.jsonl") for m in row["messages"]]
    tokenizer.train_from_iterator(texts, trainer)
    fast = PreTrainedTokenizerFast(tokenizer_object=tokenizer, eos_token="<|stop|>")
    fast.chat_template = TEMPLATE
    fast.save_pretrained(folder)
    set_seed(0)
    config = LlamaConfig(
        vocab_size=len(fast), hidden_size=32, intermediate_size=64, num_hidden_layers=2, num_attention_heads=2,
        num_key_value_heads=1, max_position_embeddings=1024, eos_token_id=fast.eos_token_id,
        initializer_range=0.2,
    )  # fmt: skip
    LlamaForCausalLM(config).save_pretrained(folder)
    return folder


def written(folder: Path, base: Path, *, accumulate: int = 1, checkpointing: bool = False, bf16: bool = False) -> Path:
    text = RECIPE.format(
        start=json.dumps(str(base)), accumulate=accumulate, checkpointing=str(checkpointing).lower(), bf16=str(bf16).lower()
    )  # fmt: skip
    (folder / "tiny.toml").write_text(text, encoding="utf-8")
    return folder / "tiny.toml"


def walk(root: Path, recipe: Path, out: Path, *more: str, processes: int = 1) -> subprocess.Popen:
    launch = ["accelerate.commands.launch", "--cpu", "--num_processes", str(processes), "--num_machines", "1",
              "--mixed_precision", "no", "--dynamo_backend", "no", "--main_process_port", str(free_port()), "-m"]  # fmt: skip
    command = [sys.executable, "-m", *(launch if processes > 1 else []), "train", str(recipe), "--out", str(out), *more]
    environment = os.environ | {"TRAIN_QUIET": "1", "OMP_NUM_THREADS": "1"}
    return subprocess.Popen(
        command, cwd=root, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, env=environment
    )


def walked(*arguments, **options) -> None:
    process = walk(*arguments, **options)
    text, _ = process.communicate(timeout=600)
    assert process.returncode == 0, text[-4000:]


def trained(out: Path) -> tuple[float, float]:
    """The mean loss of a training, and what its merged model then loses on the held-out replies."""
    log = json.loads((out / "listen/log.json").read_text())
    return next(e["train_loss"] for e in log if "train_loss" in e), held_out(out / "listen", out)


def held_out(model: Path, out: Path) -> float:
    """Loss a token of the held-out replies of a road, by plain transformers in one batch."""
    import torch
    from transformers import AutoModelForCausalLM, AutoTokenizer

    from train.fit import collate, validation

    (rows,) = validation(out / "prepared", AutoTokenizer.from_pretrained(model), 512, own=False).values()
    with torch.inference_mode():
        return float(AutoModelForCausalLM.from_pretrained(model)(**collate(0, 32)(list(rows))).loss)


@pytest.fixture(scope="module")
def one(root, base, tmp_path_factory) -> Path:
    out = tmp_path_factory.mktemp("one")
    walked(root, written(out, base), out, "--max-steps", "12")
    return out


@pytest.fixture(scope="module")
def published(one, tmp_path_factory) -> Path:
    from train.publish import publish

    folder = tmp_path_factory.mktemp("published") / "model"
    publish(one / "listen", folder)
    return folder


def test_an_adapter_learns_is_merged_and_published_and_its_model_replies(base, one, published):
    import torch
    from transformers import AutoModelForCausalLM

    from therapist.conversation import user
    from therapist.generators import LocalGenerator
    from therapist.settings import Settings

    before, after = (AutoModelForCausalLM.from_pretrained(folder).state_dict() for folder in (base, published))
    assert before.keys() == after.keys()
    moved = {name for name in before if not torch.equal(before[name], after[name])}
    assert moved and all("_proj" in name for name in moved), "an adapter moves linear layers and nothing else"
    assert held_out(published, one) < held_out(base, one) - 0.05
    drafts = LocalGenerator(Settings(model=str(published), max_new_tokens=8)).generate([user("I am tired.")], 2, seed=1)
    assert len(drafts) == 2 and all(drafts)


def test_the_chat_template_of_the_base_is_kept_and_the_card_names_base_and_licences(base, published):
    from huggingface_hub import metadata_load

    assert (published / "chat_template.jinja").read_text(encoding="utf-8") == TEMPLATE
    assert metadata_load(published / "README.md")["license"] == "apache-2.0"
    card = (published / "README.md").read_text(encoding="utf-8")
    assert base.name in card and str(base) not in card and "| corpus | this project, train/corpus | CC-BY-4.0 |" in card


def test_two_processes_give_the_same_loss_as_one(root, base, one, tmp_path):
    """The same rows in every step, shared by two: what remains is the order in which float32 numbers are added."""
    walked(root, written(tmp_path, base), tmp_path, "--max-steps", "12", processes=2)
    assert trained(tmp_path) == pytest.approx(trained(one), abs=1e-4)
    assert json.loads((tmp_path / "listen/manifest.json").read_text())["steps"] == 12


def test_parts_and_checkpointing_save_memory_and_change_nothing(root, base, one, tmp_path):
    walked(root, written(tmp_path, base, accumulate=2, checkpointing=True), tmp_path, "--max-steps", "12")
    assert trained(tmp_path) == pytest.approx(trained(one), abs=1e-4)


def test_a_killed_run_goes_on_from_its_checkpoint_in_bfloat16(root, base, tmp_path):
    recipe, checkpoints = written(tmp_path, base, bf16=True), tmp_path / "listen/checkpoints"
    text = recipe.read_text(encoding="utf-8").replace('"dialogues"', '"feedback"').replace("corpus = 0.2", "corpus = 1")
    recipe.write_text(text.replace("batch = 4", "batch = 1"), encoding="utf-8")
    first = walk(root, recipe, tmp_path, "--max-steps", "260")
    deadline = time.monotonic() + 300
    while not list(checkpoints.glob("checkpoint-250/trainer_state.json")) and time.monotonic() < deadline:
        assert first.poll() is None, first.communicate()[0][-3000:]
        time.sleep(0.01)
    first.send_signal(signal.SIGKILL)
    first.communicate()
    assert not (tmp_path / "listen/manifest.json").exists()
    state = json.loads((checkpoints / "checkpoint-250/trainer_state.json").read_text())
    state["log_history"].append({"step": 250, "seen": "the checkpoint"})
    (checkpoints / "checkpoint-250/trainer_state.json").write_text(json.dumps(state))
    walked(root, recipe, tmp_path, "--max-steps", "260")
    log = json.loads((tmp_path / "listen/log.json").read_text())
    assert json.loads((tmp_path / "listen/manifest.json").read_text())["steps"] == 260
    assert {"step": 250, "seen": "the checkpoint"} in log
    assert [e["step"] for e in log if "loss" in e] == list(range(25, 260, 25)), "the log before the kill is kept"


def test_loss_is_taken_on_the_reply_and_its_end_by_a_template_that_marks_nothing(base):
    from transformers import AutoTokenizer

    from therapist.conversation import assistant, user
    from train.templates import rendered_foreign

    tokenizer = AutoTokenizer.from_pretrained(base)
    talk = [user("Tired."), assistant("You sound tired."), user("You sound tired."), assistant(" It went on all day. ")]
    ids, mask = rendered_foreign(tokenizer, talk)
    learned = tokenizer.decode([i for i, m in zip(ids, mask, strict=True) if m])
    assert learned == "You sound tired.<|stop|>It went on all day.<|stop|>"
    assert tokenizer.decode(ids).startswith("[system]\nYou listen."), (
        "serving sends the instruction, so training has it"
    )
    assert ids == tokenizer.apply_chat_template(
        [{"role": "system", "content": tokenizer.decode(ids).split("\n")[1].removesuffix("<|stop|>")}, *talk],
        return_dict=True,
    )["input_ids"]  # fmt: skip


def test_a_base_without_a_chat_template_is_refused_with_advice(base, tmp_path):
    import shutil

    from train.templates import keep_tokenizer

    shutil.copytree(base, tmp_path / "bare")
    (tmp_path / "bare/chat_template.jinja").unlink()
    with pytest.raises(RecipeError, match=r"no chat template\. Start from a chat or instruct model\."):
        keep_tokenizer(str(tmp_path / "bare"), tmp_path / "kept")


def test_a_batch_that_cannot_be_shared_is_refused_with_what_would_do():
    from train.fit import part

    stage = Stage(name="s", mix={}, epochs=1, learning_rate=1, batch=12, accumulate=2)
    assert part(stage, 3) == 2
    with pytest.raises(RecipeError, match="Choose a batch that 8 divides"):
        part(stage, 4)


def test_the_recipe_for_larger_models_is_whole(root):
    recipe = load(root / "train/recipes/lora.toml")
    assert recipe.lora and not recipe.model.own and recipe.model.licence


def test_a_model_of_somebody_else_never_becomes_the_embedded_one_nor_overwrites_other_files(one, tmp_path):
    from train.publish import publish

    with pytest.raises(SystemExit, match="--out FOLDER"):
        publish(one / "listen")
    (tmp_path / "letter.txt").write_text("dear", encoding="utf-8")
    with pytest.raises(SystemExit, match="something else than a published model"):
        publish(one / "listen", tmp_path)
    assert (tmp_path / "letter.txt").exists()


def test_a_published_folder_is_pushed_as_one_commit_with_its_card(root, one, tmp_path):
    with FakeHub() as hub:
        environment = os.environ | {
            "HF_ENDPOINT": hub.url, "HF_HOME": str(tmp_path / "cache"), "HF_TOKEN": "hf_fake", "HF_HUB_OFFLINE": "0",
            "HF_HUB_DISABLE_PROGRESS_BARS": "1",
        }  # fmt: skip
        command = [sys.executable, "-m", "train", "publish", str(one / "listen"), "--out", str(tmp_path / "model")]
        done = subprocess.run(
            [*command, "--push-to-hub", "me/listener", "--private"], cwd=root, env=environment, capture_output=True,
            text=True, timeout=200,
        )  # fmt: skip
        assert done.returncode == 0, done.stderr[-3000:]
        model = hub.spaces["me/listener"]
        assert model.private and model.summaries == ["initial commit", "Publish"]
        assert f"{hub.url}/me/listener/commit/{model.head}" in done.stdout
        hub.unpack("me/listener", tmp_path / "pulled")
    for path in (tmp_path / "model").iterdir():
        assert (tmp_path / "pulled" / path.name).read_bytes() == path.read_bytes(), path.name


def test_a_push_takes_away_what_the_folder_no_longer_holds(published):
    with FakeHub() as hub:
        api = HfApi(endpoint=hub.url, token="hf_fake")
        old = hub.spaces["me/listener"] = Space(stages=["none"])
        old.add({".gitattributes": b"", "old.bin": b"old"}, "before")
        push(published, "me/listener", api=api)
        assert set(old.commits[old.head]) == {".gitattributes", *os.listdir(published)}


@pytest.mark.parametrize(("token", "said"), [(None, "There is no token"), ("hf_wrong", "The Hub answered 401")])
def test_a_push_without_the_right_to_write_says_so_and_leaves_nothing(published, tmp_path, monkeypatch, token, said):
    monkeypatch.delenv("HF_TOKEN", raising=False)
    monkeypatch.setattr("huggingface_hub.constants.HF_TOKEN_PATH", str(tmp_path / "none"))
    with FakeHub() as hub:
        with pytest.raises(SystemExit, match=f"{said}.*HF_TOKEN"):
            push(published, "me/listener", api=HfApi(endpoint=hub.url, token=token))
        assert not hub.spaces


def test_a_folder_without_a_card_and_a_hub_that_is_away_are_named(published, tmp_path):
    with pytest.raises(SystemExit, match="needs a card"):
        push(tmp_path, "me/listener")
    with pytest.raises(SystemExit, match=r"http://127\.0\.0\.1:9 could not be reached"):
        push(published, "me/listener", api=HfApi(endpoint="http://127.0.0.1:9", token="hf_fake"))

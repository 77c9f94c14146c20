"""The training road: what the data preparation repairs, and its toy twin from raw text to a model that drafts."""

import json
import lzma
import os
import shutil
import signal
import subprocess
import sys
import time

import pytest

pytest.importorskip("accelerate", reason="training needs train/requirements.txt")

from train import sources
from train.recipe import RecipeError, load

pytestmark = pytest.mark.timeout(900)  # the toy road takes a minute of a processor, which it may have to share


def test_a_greeting_teaches_nothing_and_is_left_out():
    assert sources.opening("Hi there. You carry a lot.", words=50) == "You carry a lot."
    assert sources.opening("Hello, and thank you for reaching out! That was brave.", words=50) == "That was brave."
    assert sources.opening("Hi there.", words=50) == ""


def test_an_answer_is_cut_at_whole_sentences():
    answer = "You carry a lot. " * 20
    cut = sources.opening(answer, words=30)
    assert cut.endswith(".") and len(cut.split()) <= 30


def test_a_dirty_line_is_no_teacher():
    assert not sources.clean("see http://example.org")
    assert not sources.clean("you are a retard")
    assert sources.clean("We had pancakes, and then it rained all day.")


def write(path, rows) -> None:
    with lzma.open(path, "wt", encoding="utf-8") as out:
        out.writelines(json.dumps(r) + "\n" for r in rows)


def test_a_dialogue_never_ends_up_with_two_turns_of_one_speaker_in_a_row(tmp_path):
    write(tmp_path / "c.xz", [{"id": 1, "turns": [["a", "One."], ["a", "Two."], ["b", "Three."], ["a", "Four."]]}])
    (talk,) = sources.dialogues(tmp_path / "c.xz")
    assert [(m["role"], m["content"]) for m in talk] == [
        ("user", "One. Two."),
        ("assistant", "Three."),
        ("user", "Four."),
    ]


@pytest.fixture(scope="module")
def data(tmp_path_factory):
    folder = tmp_path_factory.mktemp("data")
    turns = [
        ["a", "Did you sleep well last night?"],
        ["b", "I did, thank you for asking."],
        ["a", "That is good to hear."],
    ]
    write(folder / "chats.jsonl.xz", [{"id": i, "turns": [[s, f"{t} Day {i}."] for s, t in turns]} for i in range(120)])
    return folder


def walk(root, data, out, *more) -> subprocess.Popen:
    command = [sys.executable, "-m", "train", "train/recipes/toy.toml", "--data", str(data), "--out", str(out), *more]
    return subprocess.Popen(
        command,
        cwd=root,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        env=os.environ | {"TRAIN_QUIET": "1"},
    )


@pytest.fixture(scope="module")
def walked(root, data, tmp_path_factory):
    """The toy road, killed once while it trains and walked again."""
    out = tmp_path_factory.mktemp("toy")
    first = walk(root, data, out)
    deadline = time.monotonic() + 120
    while not (out / "pretrain").exists() and time.monotonic() < deadline and first.poll() is None:
        time.sleep(0.05)
    first.send_signal(signal.SIGKILL)
    first.communicate()
    second = walk(root, data, out)
    text, _ = second.communicate(timeout=600)
    assert second.returncode == 0, text[-3000:]
    return out


def test_the_road_goes_on_after_a_kill_and_writes_its_manifests_last(walked):
    for stage in ("pretrain", "reflect"):
        manifest = json.loads((walked / stage / "manifest.json").read_text())
        assert manifest["steps"] > 0
        assert {"chats", "corpus"} & set(manifest["validation_loss"])


def test_the_trained_model_drafts_through_the_same_generator_as_the_app(walked):
    from therapist.conversation import user
    from therapist.generators import LocalGenerator
    from therapist.settings import Settings

    drafts = LocalGenerator(Settings(model=str(walked / "reflect"), max_new_tokens=8)).generate(
        [user("Hello.")], 2, seed=1
    )
    assert len(drafts) == 2


def test_what_is_published_speaks_by_the_template_of_the_app(walked, tmp_path):
    from therapist.conversation import CHAT_TEMPLATE
    from train.publish import publish

    shutil.copytree(walked / "reflect", tmp_path / "stage")
    (tmp_path / "stage/chat_template.jinja").write_text("{{ messages }}", encoding="utf-8")
    publish(tmp_path / "stage", tmp_path / "published")
    assert (tmp_path / "published/chat_template.jinja").read_text(encoding="utf-8") == CHAT_TEMPLATE


def test_a_finished_road_is_not_walked_twice(root, data, walked):
    before = (walked / "reflect" / "model.safetensors").stat().st_mtime_ns
    again = walk(root, data, walked)
    again.communicate(timeout=120)
    assert again.returncode == 0
    assert (walked / "reflect" / "model.safetensors").stat().st_mtime_ns == before


def test_the_loss_is_taken_on_the_reply_and_its_end_only(walked):
    from transformers import AutoTokenizer

    from therapist.conversation import END, assistant, user
    from train.prepare import rows
    from train.recipe import Stage

    tokenizer = AutoTokenizer.from_pretrained(walked / "prepared" / "tokenizer")
    stage = Stage(name="s", mix={}, epochs=1, learning_rate=1, length=64)
    ids, loss, _ = rows([[user("I am tired."), assistant("You sound tired.")]], tokenizer, stage)
    learned = tokenizer.convert_ids_to_tokens(ids[loss].tolist())
    assert learned[-1] == END and tokenizer.decode(ids[loss][:-1]).strip() == "You sound tired."


def test_a_source_that_is_not_there_is_named_with_where_to_get_it(root, tmp_path):
    from pathlib import Path

    from train.prepare import read

    recipe = load(Path(root) / "train/recipes/toy.toml")
    with pytest.raises(RecipeError, match=r"chats is not at .*--data DIR"):
        list(read(recipe.source("chats"), tmp_path))


def test_a_recipe_with_a_word_that_means_nothing_is_refused(tmp_path):
    (tmp_path / "r.toml").write_text("[model]\ndepth = 3\n")
    with pytest.raises(RecipeError, match=r"depth, which means nothing\. It may have: layers"):
        load(tmp_path / "r.toml")


def test_every_source_of_the_shipped_recipe_names_its_licence_and_where_it_came_from(root):
    for source in load(root / "train/recipes/embedded.toml").sources:
        assert source.licence and source.repository
        assert "NC" not in source.licence


@pytest.fixture
def counsel(tmp_path):
    """A small counsel-chat: one answer that greets, one whose reflection is found by its keyword, one plain one."""
    (tmp_path / "counsel").mkdir()
    answers = [
        "Hi there. You have carried this for years.",
        "I see. It sounds like you are worn out.",
        "You miss her every day.",
    ]
    turns = [
        [["client", f"My trouble number {i} is on my mind."], ["therapist", a]] for i in range(40) for a in answers
    ]
    write(tmp_path / "counsel/counsel-chat.jsonl.xz", [{"id": i, "turns": t} for i, t in enumerate(turns)])
    return tmp_path


def test_the_older_recipes_faults_are_reproduced_and_repaired(counsel):
    from train import seeds

    faulty, repaired = seeds.reflections_as_they_were(counsel), seeds.reflections_repaired(counsel)
    assert any(c[-1]["content"] == "Hi there." for c in faulty)
    assert not any(c[-1]["content"] == "Hi there." for c in repaired)
    assert any("worn out" in c[0]["content"] for c in faulty), "a pair found by its keyword was not glued to the next"
    assert sum(c[-1]["content"] == "It sounds like you are worn out." for c in repaired) == len(repaired) / 3


def test_no_recipe_reads_a_question_of_the_test_set(counsel):
    from train import seeds

    tested = {c[0]["content"] for c in seeds.test_pairs(counsel)}
    assert tested
    for read in (
        seeds.reflections_as_they_were,
        seeds.reflections_repaired,
        seeds.whole_answers,
        seeds.opening_answers,
    ):
        assert not [c for c in read(counsel) if any(q in c[0]["content"] for q in tested)]

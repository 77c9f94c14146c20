"""A deployment from the command line to an app that answers, against a Hub on loopback with the real client."""

import filecmp
import os
import re
import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest
from conftest import running_app
from fake_hub import FakeHub, Space
from huggingface_hub import HfApi, metadata_load

from space import contents, deploy, probe, scaling
from space.deploy import DeployError, Order

NAME = "me/quiet"
OLD = {"app.py": b"print('old')\n", "README.md": b"---\nsdk: gradio\n---\n", "gone.txt": b"gone", "gone.bin": "0" * 64}


@pytest.fixture(scope="module", autouse=True)
def quick():
    """A fake Hub need not be spared."""
    before, deploy.POLL_S = deploy.POLL_S, 0.05
    yield
    deploy.POLL_S = before


@pytest.fixture
def hub() -> Iterator[FakeHub]:
    with FakeHub() as hub:
        yield hub


@pytest.fixture
def api(hub) -> HfApi:
    return HfApi(endpoint=hub.url, token="hf_fake")


@pytest.fixture
def small(tmp_path) -> Path:
    """A checkout of one screen, so that a refusal is met in a moment."""
    for name in ("app.py", "requirements.txt", "LICENSE", "space/README.md", "therapist/__init__.py"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_text("---\nsdk: gradio\n---\n" if name.endswith(".md") else "x = 1\n", encoding="utf-8")
    return tmp_path


@pytest.fixture
def ran_before(hub) -> Space:
    """A Space where something runs already."""
    space = hub.spaces[NAME] = Space(stages=["RUNNING"], host="http://127.0.0.1:9")
    hub.objects["0" * 64] = b"large"
    space.add(dict(OLD), "what ran")
    return space


def command(hub: FakeHub, cache: Path, *arguments: str, token: str = "hf_fake") -> subprocess.CompletedProcess:
    environment = {
        **os.environ,
        "HF_ENDPOINT": hub.url,
        "HF_HOME": str(cache),
        "HF_TOKEN": token,
        "HF_HUB_DISABLE_PROGRESS_BARS": "1",  # a failure is shown with what was said
        "THERAPIST_API_KEY": "k",
    }
    return subprocess.run(
        [sys.executable, "-m", "space", "deploy", NAME, *arguments],
        cwd=contents.ROOT, env=environment, capture_output=True, text=True, timeout=200,
    )  # fmt: skip


def test_the_card_agrees_with_requirements_and_project(root):
    assert contents.faults() == []
    card = metadata_load(root / "space/README.md")
    assert card["sdk"] == "gradio" and card["app_file"] == "app.py" and card["license"] == "apache-2.0"


def test_a_card_that_does_not_agree_is_named(small):
    (small / "requirements.txt").write_text("gradio==9.9.9\n", encoding="utf-8")
    (small / "pyproject.toml").write_text('requires-python = ">=3.14"\n', encoding="utf-8")
    card = '---\nsdk: gradio\nsdk_version: 6.31.0\npython_version: "3.12"\nshort_description: ' + "x" * 61 + "\n---\n"
    (small / "space/README.md").write_text(card, encoding="utf-8")
    assert len(contents.faults(small)) == 3


def test_a_dry_run_shows_every_file_and_asks_nobody(hub, tmp_path):
    out = command(hub, tmp_path, "--dry-run", "--private", "--hardware", "cpu-basic", "--variable", "THERAPIST_N=4")
    assert out.returncode == 0, out.stderr
    shown = [line.split()[1] for line in out.stdout.splitlines() if line.split()[1] in contents.contents()]
    assert shown == list(contents.contents())
    assert "private" in out.stdout and "cpu-basic" in out.stdout and "variable: THERAPIST_N" in out.stdout
    assert hub.calls == []


def test_what_is_uploaded_is_the_app_and_not_the_workshop():
    names = set(contents.contents())
    assert {"app.py", "README.md", "LICENSE", "requirements.txt", "therapist/data/helplines.json"} <= names
    assert not [n for n in names if n.startswith(("tests", "train", "space", ".")) or "__pycache__" in n]


def test_a_deployment_ends_with_an_app_that_answers(hub, tmp_path):
    """The whole road: created, one commit over Xet, unpacked into an empty folder, started there, asked."""
    folder, log, done = tmp_path / "built", tmp_path / "log", threading.Event()

    def run() -> None:
        hub.unpack(NAME, folder)
        with running_app(log, ready=True, folder=folder) as url:  # only what was uploaded is on its path
            hub.spaces[NAME].host, hub.spaces[NAME].stages = url, ["RUNNING"]
            done.wait(240)

    def build(space: Space) -> list[str]:
        threading.Thread(target=run, daemon=True).start()
        return ["BUILDING"]

    hub.build = build
    try:
        arguments = (
            "--private",
            "--variable",
            "THERAPIST_N=4",
            "--secret",
            "THERAPIST_API_KEY",
            "--hardware",
            "cpu-basic",
        )
        out = command(hub, tmp_path / "cache", *arguments)
        assert out.returncode == 0, out.stderr + out.stdout[-2000:]
    finally:
        done.set()
    space = hub.spaces[NAME]
    assert out.stdout.splitlines()[-1] == space.host
    assert len(space.order) == 2, "one commit beside the Hub's own first one"
    assert (space.private, space.variables, space.secrets) == (True, {"THERAPIST_N": "4"}, {"THERAPIST_API_KEY": "k"})
    assert "k\n" not in out.stdout, "a secret's value is not shown"
    assert any(call.startswith("POST /v1/xorbs") for call in hub.calls), "large files went over Xet"
    for name, path in contents.contents().items():
        assert filecmp.cmp(folder / name, path, shallow=False), name


def test_large_files_go_over_git_lfs_where_xet_is_switched_off(hub, api, small, monkeypatch):
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_DISABLE_XET", True)
    (small / "therapist/model.safetensors").write_bytes(os.urandom(3000))
    with pytest.raises(DeployError, match="/healthz was not ok"):
        deploy.deploy(Order(NAME, timeout_s=1), api, small, say=lambda _: None)
    hub.unpack(NAME, small / "there")
    assert filecmp.cmp(
        small / "there/therapist/model.safetensors", small / "therapist/model.safetensors", shallow=False
    )
    assert "PUT /lfs" in " ".join(hub.calls) and not hub.xorbs


@pytest.mark.parametrize(
    ("call", "status", "advice"),
    [
        ("/commit/main", 401, "HF_TOKEN"),
        ("/commit/main", 409, "Nothing was changed; try again"),
        ("/commit/main", 412, "Nothing was changed; try again"),
        ("/commit/main", 413, "larger than the Hub takes"),
    ],
)
def test_a_refusal_is_told_with_advice_and_changes_nothing(hub, api, small, ran_before, call, status, advice):
    hub.moods[call] = (status, "The Hub's own words.")
    with pytest.raises(DeployError) as error:
        deploy.deploy(Order(NAME), api, small)
    assert str(status) in str(error.value) and advice in str(error.value) and "The Hub's own words." in str(error.value)
    assert len(ran_before.order) == 1


@pytest.mark.parametrize(("status", "advice"), [(402, "what each plan allows"), (403, "right to write")])
def test_a_space_that_may_not_be_created_is_told_with_advice(hub, api, small, status, advice):
    hub.moods["/repos/create"] = (status, "The Hub's own words.")
    with pytest.raises(DeployError) as error:
        deploy.deploy(Order(NAME), api, small)
    assert str(status) in str(error.value) and advice in str(error.value)
    assert not hub.spaces


def test_a_token_that_the_hub_does_not_know_is_a_401(hub, tmp_path):
    out = command(hub, tmp_path, token="hf_other")
    assert out.returncode == 1
    assert "401" in out.stderr and "HF_TOKEN" in out.stderr and "Traceback" not in out.stderr


def test_a_space_that_is_there_already_is_renewed_not_created(hub, api, small, ran_before):
    hub.build = lambda space: ["BUILDING"]
    with pytest.raises(DeployError):
        deploy.deploy(Order(NAME, hardware="cpu-upgrade", timeout_s=0.2), api, small, say=lambda _: None)
    assert ran_before.hardware == "cpu-upgrade"
    assert "POST /api/repos/create" in hub.calls, "and the 409 to it was no obstacle"
    assert ran_before.summaries[1] == "Deploy"
    assert set(ran_before.commits[ran_before.order[1]]) == set(contents.contents(small)), (
        "what is no longer ours is gone"
    )


@pytest.mark.parametrize("stage", ["BUILD_ERROR", "RUNTIME_ERROR", "CONFIG_ERROR", "NO_APP_FILE"])
def test_a_build_that_fails_is_told_with_its_log_and_what_ran_is_put_back(hub, api, small, ran_before, stage):
    hub.build = lambda space: ["BUILDING", stage if len(space.order) == 2 else "RUNNING"]
    with pytest.raises(DeployError) as error:
        deploy.deploy(Order(NAME, timeout_s=60), api, small, say=lambda _: None)
    said = str(error.value)
    assert stage in said and "No matching distribution found for torch==99" in said
    assert "put back to what ran before" in said and "is RUNNING" in said
    assert ran_before.commits[ran_before.head] == OLD, "small and large files as they were"


def test_a_space_that_was_changed_meanwhile_is_left_alone(hub, api, small, ran_before):
    hub.before_commit = lambda space: space.add(dict(OLD), "somebody else")
    with pytest.raises(DeployError, match="412"):
        deploy.deploy(Order(NAME), api, small)
    assert ran_before.summaries == ["what ran", "somebody else"]


def test_the_state_of_the_one_before_is_not_taken_for_the_new_one(hub, api, small, ran_before):
    """Just after a commit the Hub may still show that the old one runs."""
    hub.build = lambda space: ["RUNNING of what ran", "RUNNING of what ran", "BUILDING", "BUILD_ERROR"]
    with pytest.raises(DeployError, match="BUILD_ERROR"):
        deploy.deploy(Order(NAME, timeout_s=60), api, small, say=lambda _: None)


def test_a_first_build_that_fails_is_left_to_be_looked_at(hub, api, small):
    hub.build = lambda space: ["BUILD_ERROR"]
    with pytest.raises(DeployError, match="left as it is"):
        deploy.deploy(Order(NAME, timeout_s=60), api, small, say=lambda _: None)
    assert len(hub.spaces[NAME].order) == 2


def test_a_build_that_does_not_end_is_given_up_and_put_back(hub, api, small, ran_before):
    hub.build = lambda space: ["BUILDING"] if len(space.order) == 2 else ["RUNNING"]
    with pytest.raises(DeployError) as error:
        deploy.deploy(Order(NAME, timeout_s=0.3), api, small, say=lambda _: None)
    assert "still BUILDING" in str(error.value) and "--timeout" in str(error.value)
    assert ran_before.commits[ran_before.head] == OLD


def test_an_app_that_runs_but_does_not_answer_is_put_back(hub, api, small, ran_before):
    hub.build = lambda space: ["APP_STARTING", "RUNNING"]
    with pytest.raises(DeployError) as error:
        deploy.deploy(Order(NAME, timeout_s=1), api, small, say=lambda _: None)
    assert "/healthz was not ok" in str(error.value) and "put back" in str(error.value)
    assert ran_before.commits[ran_before.head] == OLD


def test_a_hub_that_cannot_be_reached_is_told(small):
    with pytest.raises(DeployError, match="could not be reached"):
        deploy.deploy(Order(NAME), HfApi(endpoint="http://127.0.0.1:9", token="hf_fake"), small)


def test_the_probe_hears_a_running_app(app_url):
    assert probe.awake(app_url, 60)["status"] == "ok"
    assert probe.answer(app_url)["candidates"]


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["nobody"], "owner/name"),
        ([NAME, "--variable", "THERAPIST_N"], "has no value"),
        ([NAME, "--secret", "THERAPIST_LACKING"], "not in your environment"),
    ],
)
def test_an_order_that_cannot_be_understood_is_refused_with_advice(arguments, said, capsys):
    from space.__main__ import main

    assert main(["deploy", *arguments, "--dry-run"]) == 1
    assert said in capsys.readouterr().err


def test_the_table_of_what_to_run_is_what_the_formula_gives(root):
    text = (root / "space/scaling.md").read_text(encoding="utf-8")
    capacity, price = (float(re.search(pattern, text)[1]) for pattern in (r"capacity=([\d.]+)", r"price=([\d.]+)"))
    assert scaling.table(capacity, price) in text
    assert f"with {capacity:g} replies a second" in text and f"at {price:g} an hour" in text


def test_one_replica_is_enough_for_few_and_a_second_stands_by_for_many():
    assert [scaling.plan(people, 1.4, 0.04).replicas for people in (10, 1_000)] == [1, 2]
    assert scaling.plan(100_000, 2.8, 0.04).replicas == scaling.plan(50_000, 1.4, 0.04).replicas

"""What the page offers to the world, read from its configuration without a browser."""

import json
import re
import subprocess
import sys
import time

import httpx
import pytest

from therapist import Settings, Therapist

PUBLIC = {"/chat", "/respond", "/rank", "/assess_risk", "/refer", "/exercises", "/exercise_step"}


@pytest.fixture(scope="module")
def demo():
    from therapist import ui

    return ui.build(Therapist(Settings()))


@pytest.fixture(scope="module")
def words(root) -> dict:
    return json.loads((root / "therapist/data/en/page.json").read_text(encoding="utf-8"))


def test_only_the_named_endpoints_are_public(demo):
    assert set(demo.get_api_info()["named_endpoints"]) == PUBLIC
    public = {d["api_name"] for d in demo.get_config_file()["dependencies"] if d["api_visibility"] == "public"}
    assert {f"/{name}" for name in public} == PUBLIC


def test_every_parameter_of_an_endpoint_is_described(demo):
    for function in demo.fns.values():
        if f"/{function.api_name}" in PUBLIC:
            arguments = function.fn.__doc__.split("Args:")[1]
            for name in function.fn.__annotations__:
                assert name == "return" or f"{name}: " in arguments, (function.api_name, name)


def test_no_button_shares_copies_or_flags_a_conversation(demo):
    chatbot = next(b for b in demo.blocks.values() if b.get_block_name() == "chatbot")
    assert chatbot.buttons == []
    assert not any(
        event in ("like", "flag") for d in demo.get_config_file()["dependencies"] for _, event in d["targets"]
    )


def test_the_page_names_no_other_host_than_the_helplines(root):
    for name in ("page.css", "page.js", "exercises.css", "exercises.js"):
        assert not re.search(
            r"https?://|//[a-z]+\.", (root / "therapist/data" / name).read_text(encoding="utf-8").replace('"http', "")
        ), name


def test_every_word_that_the_script_asks_for_exists(root, words):
    script = (root / "therapist/data/page.js").read_text(encoding="utf-8")
    for path in set(re.findall(r"\bwords\.(\w+(?:\.\w+)*)", script)):
        found = words
        for key in path.split("."):
            if not isinstance(found, dict) or key in ("map", "length"):
                break
            assert key in found, path
            found = found[key]


def test_every_reason_for_a_rejection_has_plain_words(root):
    reasons = json.loads((root / "therapist/data/en/reasons.json").read_text(encoding="utf-8"))
    vetting = json.loads((root / "therapist/data/en/vetting.json").read_text(encoding="utf-8"))
    codes = {rule["code"] for rule in vetting["codes"]}
    assert codes and codes <= set(reasons)


def test_the_page_never_offers_therapy(words):
    told = json.dumps(words).lower()
    for claim in ("i am a therapist", "treatment for", "counselling", "our therapists", "i feel"):
        assert claim not in told.replace("i feel low", "").replace("i feel awful", "")


def test_help_lists_every_country_and_each_number_is_one_that_can_be_dialled():
    from therapist import ui

    countries = ui._helplines()["countries"]
    assert len(countries) > 80
    for code, country in countries.items():
        links = [n["href"] for n in country["emergency"]] + [
            a["href"] for line in country["lines"] for a in line["acts"]
        ]
        assert country["emergency"], code
        assert all(re.fullmatch(r"tel:\+?[\d*#]+|sms:\d+(\?&body=[A-Z]+)?|https?://\S+", link) for link in links), code


def test_markup_in_a_message_is_shown_as_text(demo):
    chatbot = next(b for b in demo.blocks.values() if b.get_block_name() == "chatbot")
    shown = chatbot.postprocess([{"role": "user", "content": "<img src=x onerror=alert(1)>"}]).root[0].content[0].text
    assert not re.search(r"<[a-z/!]", shown)
    assert shown.replace("\u200b", "") == "<img src=x onerror=alert(1)>"


def test_the_page_answers_within_seconds_of_its_start_while_models_load(tmp_path):
    from conftest import running_app

    started = time.monotonic()
    with running_app(tmp_path / "log", ready=False) as url:
        assert httpx.get(url).status_code == 200
        assert time.monotonic() - started < 15  # 3 s on a quiet machine, more beside other tests


def test_a_taken_port_gives_way_to_the_next_free_one(root):
    import socket

    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        app = subprocess.Popen(
            [sys.executable, "app.py", "--port", str(port)], cwd=root, stderr=subprocess.PIPE, text=True
        )
        try:
            assert re.match(rf"Port {port} is taken, so port \d+ is used", app.stderr.readline())
        finally:
            app.kill()
            app.wait()

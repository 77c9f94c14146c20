"""What the page offers to the world, read from its configuration without a browser."""

import json
import re
import shutil
import subprocess
import sys

import httpx
import pytest

from therapist import Settings, Therapist

PUBLIC = {"/chat", "/respond", "/rank", "/assess_risk", "/refer", "/exercises", "/exercise_step", "/stream"}


@pytest.fixture(scope="module")
def demo():
    from therapist import ui

    return ui.build(Therapist(Settings()))


@pytest.fixture(scope="module")
def words(root) -> dict:
    return json.loads((root / "therapist/data/en/page.json").read_text(encoding="utf-8"))


def scripts(root) -> list:
    """Every script and style of the page."""
    return [p for p in sorted((root / "therapist/data").rglob("*")) if p.suffix in (".js", ".css")]


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
    for path in scripts(root):
        text = path.read_text(encoding="utf-8").replace("http://www.w3.org/2000/svg", "").replace('"http', "")
        assert not re.search(r"https?://|//[a-z]+\.\w", text), path.name


def test_every_word_that_the_script_asks_for_exists(root, words):
    from therapist import exercises

    for file in scripts(root):
        own = exercises.words() if file.name == "exercises.js" else words
        script = file.read_text(encoding="utf-8").replace("window.quiet.words", "")
        for path in set(re.findall(r"\bwords\.(\w+(?:\.\w+)*)", script)):
            found = own
            for key in path.split("."):
                if not isinstance(found, dict) or key in ("map", "length"):
                    break
                assert key in found, f"{file.name}: {path}"
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


def test_every_language_says_what_this_is_before_the_first_message_and_again():
    """The notice's first two points are also what the reminder says."""
    from therapist import page

    for code in page.languages():
        own = json.loads((page.DATA / code / "page.json").read_text(encoding="utf-8"))
        points = own["notice"]["points"]
        assert len(points) == 4 and all(title and text for title, text in points), code
        assert "18" in own["notice"]["accept"] and own["notice"]["younger"], code
        assert code == "en" or points != page.words("en")["notice"]["points"], code


def test_help_lists_every_country_and_each_number_is_one_that_can_be_dialled():
    from therapist import page

    countries = page.helplines()["countries"]
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


def test_the_page_answers_before_its_models_are_loaded(tmp_path):
    from conftest import running_app

    with running_app(tmp_path / "log", ready=False) as url:
        assert httpx.get(url, timeout=60).status_code == 200
        assert not httpx.get(f"{url}/healthz", timeout=60).json()["ready"], "it waited for the models"


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


def test_every_language_of_the_page_has_every_word_and_no_other():
    from therapist import page

    lacking = {code: page.missing(code) for code in page.languages()}
    assert {code: keys for code, keys in lacking.items() if keys} == {}
    english = dict(leaves({name: page.given("en", name) for name in page.TABLES}))
    for code in page.languages():
        for path, value in leaves({name: page.given(code, name) for name in page.TABLES}):
            assert path in english, f"{code} has {path}, which nobody ever reads"
            if path != "exercises.asks":  # as many ways to ask as a language has
                assert placeholders(value) == placeholders(english[path]), f"{code}: {path}"


def placeholders(value) -> list[str]:
    return sorted(re.findall(r"\{[a-z]*\}", json.dumps(value)))


def leaves(table: dict, above: str = "") -> list:
    """(path, value) of everything that is no table."""
    found = []
    for key, value in table.items():
        found += leaves(value, f"{above}{key}.") if isinstance(value, dict) else [(f"{above}{key}", value)]
    return found


def test_a_word_that_a_language_lacks_is_english(tmp_path, monkeypatch):
    from therapist import page

    shutil.copytree(page.DATA / "en", tmp_path / "en")
    (tmp_path / "ar").mkdir()
    exercise = {"name": "تنفس", "say": ["شهيق", "زفير"]}
    (tmp_path / "ar/exercises.json").write_text(json.dumps({"exercises": {"even": exercise}}), encoding="utf-8")
    (tmp_path / "ar/page.json").write_text('{"direction": "rtl", "quick": {"undo": "تراجع"}}', encoding="utf-8")
    monkeypatch.setattr(page, "DATA", tmp_path)
    for cached in (page.words, page.languages):
        cached.cache_clear()
    assert page.words("ar-EG")["quick"]["undo"] == "تراجع"
    assert page.words("ar-EG")["quick"]["edit"] == page.words("en")["quick"]["edit"]
    lacking = set(page.missing("ar"))
    assert {"page.menu.open", "reasons.echo", "exercises.exercises.even.note", "exercises.exercises.box.say"} <= lacking
    assert not {"page.quick.undo", "exercises.exercises.even.say"} & lacking
    for cached in (page.words, page.languages):
        cached.cache_clear()


def test_no_word_of_the_page_is_left_that_nobody_says(root, words):
    code = "".join(p.read_text(encoding="utf-8") for p in [*scripts(root), *(root / "therapist").glob("*.py")])
    for path, _ in leaves(words):
        if not path.startswith("why.parts_names"):
            assert re.search(rf"\b{path.split('.')[-1].removesuffix('_about')}\b", code), path


def test_two_replies_are_offered_for_a_choice_only_where_both_may_be_said_and_nothing_is_at_risk():
    from therapist.page import blind
    from therapist.pipeline import Reply
    from therapist.reranker import Candidate
    from therapist.risk import Risk

    good, poor = Candidate("You miss her.", 0.9, True), Candidate("Hi there.", 0.0, False)
    calm, concern = Risk("none", None, ()), Risk("concern", "suicide", ())
    third = Candidate("You miss her very much.", 0.6, True)
    pairs = {tuple(blind(Reply("", "reply", (good, third, poor), calm, None, "m", 1.0))) for _ in range(60)}
    assert pairs == {(0, 1), (1, 0)}
    assert blind(Reply("", "reply", (good, poor), calm, None, "m", 1.0)) == []
    assert blind(Reply("", "reply", (good, third), concern, None, "m", 1.0)) == []

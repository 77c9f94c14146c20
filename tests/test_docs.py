"""The documents say what is true."""

import json
import re

import pytest
from huggingface_hub import metadata_load

DOCUMENTS = (
    "README.md",
    "ARCHITECTURE.md",
    "CONTRIBUTING.md",
    "CHANGELOG.md",
    "SAFETY.md",
    "therapist/DISCORD.md",
    "therapist/API.md",
    "train/README.md",
    "train/corpus/README.md",
    "space/README.md",
    "space/scaling.md",
)


@pytest.mark.parametrize("name", DOCUMENTS)
def test_every_file_that_a_document_names_exists(root, name):
    text = (root / name).read_text(encoding="utf-8")
    for path in set(
        re.findall(r"`((?:therapist|train|tests|space|app)[\w./-]*\.(?:py|toml|md|json|jsonl|css|js|png|svg))`", text)
    ):
        assert (root / path).exists() or (root / "train" / path).exists(), f"{name} names {path}"


@pytest.mark.parametrize("name", DOCUMENTS)
def test_no_link_within_the_project_is_broken(root, name):
    document = root / name
    for target in re.findall(r"\]\((?!https?:|#|mailto:|tel:)([^)#]+)", document.read_text(encoding="utf-8")):
        assert (document.parent / target).exists(), f"{name} links to {target}"


def test_every_room_of_the_library_stands_in_the_architecture(root):
    text = (root / "ARCHITECTURE.md").read_text(encoding="utf-8")
    for path in (root / "therapist").glob("*.py"):
        if path.name != "__init__.py":
            assert f"`therapist/{path.name}`" in text


def test_every_room_of_the_training_stands_in_its_readme(root):
    text = (root / "train/README.md").read_text(encoding="utf-8")
    for path in (root / "train").glob("*.py"):
        if not path.name.startswith("__"):
            assert f"`{path.name}`" in text


def test_the_two_commands_of_the_readme_are_the_ones_that_ci_and_people_run(root):
    text = (root / "README.md").read_text(encoding="utf-8")
    assert "pip install -r requirements.txt && python app.py" in text
    assert "bash tests/run" in text
    assert "bash tests/run" in (root / ".ci/run").read_text(encoding="utf-8")


def test_the_space_runs_the_versions_that_are_tested(root):
    card = metadata_load(root / "space/README.md")
    pinned = dict(re.findall(r"^([\w-]+)==([\w.]+)$", (root / "requirements.txt").read_text(encoding="utf-8"), re.M))
    assert card["sdk"] == "gradio" and card["sdk_version"] == pinned["gradio"]
    assert card["license"] == "apache-2.0" and card["app_file"] == "app.py"
    assert len(card["short_description"]) <= 60


@pytest.mark.parametrize("name", ["README.md", "space/README.md", "therapist/data/en/page.json"])
def test_no_public_text_offers_therapy(root, name):
    text = (root / name).read_text(encoding="utf-8").lower()
    for found in re.finditer(r"therap(?:y|ist|ies)|counsell?ing|treatment|psychotherap\w+", text):
        before = text[max(0, found.start() - 60) : found.start()]
        after = text[found.end() : found.end() + 12]
        code = after.startswith(("/", "_", ".", "(", '"')) or before.endswith(
            ("`", "/", '"', "from ", "import ", "-m ")
        )
        names = re.search(r"\b(?:not|no|never|nor|seed|older|folder|called)\b|cannot|gpt", before)
        assert code or names, f"{name}: ...{before}{found.group()}{after}"


CLAIMS = {
    "en": (r"therap(?:y|ies|ist)|counsell?ing|treatment|\bcures?\b", r"\b(?:not|no|never|nor|cannot|belong)\b"),
    "de": (r"therap|behand[le]l|heilt|heilen|heilung", r"kein|nicht|weder|nie"),
    "fr": (r"thérap|traitement|soigne|guéri", r"\bn[ei]\b|\bpas\b|aucun|n'"),
    "es": (r"terap|tratamiento|\btratar\b|\bcura", r"\bno\b|\bni\b|\bsin\b"),
    "it": (r"terap|trattament|\bcura(?:re)?\b|guari", r"\bnon\b|\bné\b"),
    "pt": (r"terap|tratamento|\btratar\b|\bcura", r"\bnão\b|\bnem\b"),
    "nl": (r"therap|behandel|genez", r"geen|niet|nooit"),
    "pl": (r"terap|lecz(?:en|y)", r"\bnie\b|\bani\b"),
    "ru": (r"терапи|терапевт|лечени|лечит|исцел", r"\bне\b|\bни\b"),
    "tr": (r"terapi|tedavi", r"\bne\b|değil|\w+[ea]m[ea]z"),
    "ar": (r"علاج|عالج", r"لا|ليس|لست"),
    "hi": (r"थेरेपी|थेरेपिस्ट|इलाज|उपचार", r"नहीं|(?:^| )न "),
    "zh": (r"治疗|治療|疗法|治愈", r"不|没|非"),
}
"What would claim therapy, treatment or cure in a language, and what takes it back in the same sentence."


def spoken(value) -> list[str]:
    """Every text of a table that a person may read."""
    if isinstance(value, dict):
        return [
            text
            for key, v in value.items()
            if key
            not in ("patterns", "about", "imminent", "name", "asks", "says", "refuses", "declines", "ends", "any")
            for text in spoken(v)
        ]
    return [text for v in value for text in spoken(v)] if isinstance(value, list) else [value] * isinstance(value, str)


def claims(text: str, language: str) -> list[str]:
    """The sentences of a text that name therapy and do not deny it."""
    claim, denial = CLAIMS[language]
    parts = re.split(r"(?<=[.!?。।])\s*", text.lower())
    return [part for part in parts if re.search(claim, part) and not re.search(denial, part)]


def test_no_language_claims_to_be_therapy(root):
    data = root / "therapist/data"
    assert {path.parent.name for path in data.glob("*/protocol.json")} == set(CLAIMS)
    for language, (claim, _) in CLAIMS.items():
        said = json.loads((data / language / "protocol.json").read_text(encoding="utf-8"))["disclosure"].lower()
        assert re.search(claim, said), f"The words of {language} find nothing, not even what is denied."
        for path in (data / language).glob("*.json"):
            if path.stem in ("page", "protocol", "handoff", "exercises", "discord", "language"):
                table = json.loads(path.read_text(encoding="utf-8"))
                found = [c for text in spoken(table) for c in claims(text, language)]
                assert not found, f"{language}/{path.name}: {found}"


def test_a_claim_of_therapy_is_found():
    assert claims("I am your therapist. This is not therapy.", "en") == ["i am your therapist."]
    assert claims("Ich bin dein Therapeut. Ich bin kein Therapeut.", "de") == ["ich bin dein therapeut."]


def test_the_models_of_the_readme_are_the_ones_that_ship(root):
    training = json.loads((root / "therapist/data/models/embedded/training.json").read_text(encoding="utf-8"))
    assert training[-1]["stage"] == "ended"

"""What a Space is made of: the exact files, from the checkout to the names that they have there."""

import re
from pathlib import Path

from huggingface_hub import metadata_load

ROOT = Path(__file__).parents[1]
TOP = ("app.py", "requirements.txt", "LICENSE")


def contents(root: Path = ROOT) -> dict[str, Path]:
    """Name on the Space to file here: the app, the library with its data, the requirements, the licence and the card.

    Raises:
        FileNotFoundError: a file that a Space needs is not in the checkout.
    """
    found = {name: root / name for name in TOP}
    found["README.md"] = root / "space/README.md"
    for path in sorted((root / "therapist").rglob("*")):
        name = path.relative_to(root)
        hidden = any(part.startswith((".", "__pycache__")) for part in name.parts)
        if path.is_file() and not hidden and path.suffix not in (".pyc", ".pyi"):
            found[name.as_posix()] = path
    if missing := [str(path) for path in found.values() if not path.is_file()]:
        raise FileNotFoundError(f"{', '.join(missing)} is not there. Run this from a whole checkout.")
    return dict(sorted(found.items()))


def faults(root: Path = ROOT) -> list[str]:
    """What the card says that the requirements do not, a sentence each; empty when they agree."""
    card = metadata_load(root / "space/README.md") or {}
    needs = (root / "requirements.txt").read_text(encoding="utf-8")
    project = (root / "pyproject.toml").read_text(encoding="utf-8")
    wanted = re.findall(r"^gradio==([\w.]+)$", needs, re.M)
    least = re.findall(r'^requires-python = ">=(\d+)\.(\d+)"$', project, re.M)
    found, python = [], str(card.get("python_version", "3.10"))
    if [card.get("sdk_version")] != wanted:
        found.append(f"sdk_version is {card.get('sdk_version')}, requirements.txt has gradio {wanted}.")
    if not least or tuple(map(int, python.split(".")[:2])) < tuple(map(int, least[0])):
        found.append(f"python_version is {python}, pyproject.toml requires {'.'.join(least[0]) if least else 'none'}.")
    if len(str(card.get("short_description", ""))) > 60:
        found.append("short_description is longer than the 60 characters that the Hub takes.")
    return found

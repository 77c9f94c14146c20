"""`pip install .` carries everything that the library needs."""

import json
import shutil
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

USE = """
import json, therapist
reply = therapist.Therapist().respond("I want to kill myself.", country="GB")
print(json.dumps([therapist.__file__, reply.route, reply.text]))
"""


@pytest.fixture(scope="module")
def wheel(root, tmp_path_factory) -> Path:
    """Built from a copy, because a build leaves its traces where it runs."""
    source = tmp_path_factory.mktemp("source")
    for name in ("pyproject.toml", "requirements.txt", "README.md", "LICENSE", "app.py"):
        shutil.copy(root / name, source)
    for name in ("therapist", "train", "space"):
        shutil.copytree(root / name, source / name, ignore=shutil.ignore_patterns("__pycache__", "runs", "corpus"))
    command = [sys.executable, "-m", "pip", "wheel", "-q", "--no-deps", "-w", str(source / "out"), str(source)]
    built = subprocess.run(command, capture_output=True, text=True, timeout=250)
    assert built.returncode == 0, built.stderr
    return next((source / "out").glob("*.whl"))


def test_the_wheel_holds_the_library_whole_and_nothing_else(root, wheel):
    names = {n for n in zipfile.ZipFile(wheel).namelist() if not n.split("/")[0].endswith(".dist-info")}
    files = subprocess.run(
        ["git", "ls-files", "-co", "--exclude-standard", "therapist"],
        cwd=root,
        capture_output=True,
        text=True,
        check=True,
    ).stdout.splitlines()
    assert names == set(files)


def test_the_wheel_names_what_it_requires(root, wheel):
    with zipfile.ZipFile(wheel) as archive:
        metadata = archive.read(next(n for n in archive.namelist() if n.endswith(".dist-info/METADATA"))).decode()
    for line in (root / "requirements.txt").read_text(encoding="utf-8").splitlines():
        assert line.startswith("#") or f"Requires-Dist: {line}" in metadata
    assert "Provides-Extra: mcp" in metadata


def test_what_is_installed_answers_from_anywhere(wheel, tmp_path):
    with zipfile.ZipFile(wheel) as archive:
        archive.extractall(tmp_path / "site")
    code = f"import sys; sys.path.insert(0, {str(tmp_path / 'site')!r})\n{USE}"
    out = subprocess.run([sys.executable, "-c", code], cwd=tmp_path, capture_output=True, text=True, timeout=100)
    assert out.returncode == 0, out.stderr
    where, route, text = json.loads(out.stdout)
    assert where.startswith(str(tmp_path)) and route == "crisis" and "116 123" in text

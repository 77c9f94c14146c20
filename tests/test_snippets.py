"""Every snippet of README.md and therapist/API.md runs, by the real clients, and prints what stands below it."""

import io
import json
import os
import re
import shutil
import subprocess
import sys
from contextlib import redirect_stdout
from pathlib import Path

import pytest

from therapist.api import API_VERSION, ENDPOINTS

ROOT = Path(__file__).parents[1]
ADDRESS = "http://127.0.0.1:7860"
DOCUMENTS = {name: (ROOT / name).read_text(encoding="utf-8") for name in ("README.md", "therapist/API.md")}


def snippets(language: str) -> list[tuple[str, str, list[str]]]:
    """Where a snippet stands, its code, and the lines that it has to print: those of the next text block."""
    found = []
    for name, text in DOCUMENTS.items():
        for section in re.split(r"^## ", text, flags=re.M)[1:]:
            waiting: list[tuple[str, str, list[str]]] = []
            for number, (kind, code) in enumerate(re.findall(r"^```(\w+)\n(.*?)^```$", section, re.M | re.S)):
                if kind == "text":
                    for _, _, lines in waiting:
                        lines += code.splitlines()
                    waiting = []
                else:
                    waiting.append((f"{name}: {section.splitlines()[0]} {number}", code, []))
                    found += waiting[-1:] if kind == language else []
    return found


def check(printed: str, expected: list[str]) -> None:
    assert printed.strip()
    for line in expected:
        assert line in printed, printed


@pytest.mark.parametrize("name", ENDPOINTS)
def test_every_endpoint_is_shown_in_three_languages(name):
    section = re.search(rf"^## {name}$(.*?)(?=^## |\Z)", DOCUMENTS["therapist/API.md"], re.M | re.S)
    assert section, f"therapist/API.md has no section {name}"
    assert {"python", "js", "bash", "text"} <= set(re.findall(r"^```(\w+)$", section[1], re.M))


def test_the_page_names_the_version_of_the_contract():
    assert f"Version {API_VERSION} of the contract" in DOCUMENTS["therapist/API.md"]


@pytest.mark.parametrize(("where", "code", "expected"), snippets("python"), ids=lambda value: str(value)[:40])
def test_python(app_url, where, code, expected):
    out = io.StringIO()
    with redirect_stdout(out):
        exec(compile(code.replace(ADDRESS, app_url), where, "exec"), {"__name__": "__main__"})
    check(out.getvalue(), expected)


def test_javascript(app_url, tmp_path):
    modules = ROOT / "tests/js/node_modules"
    if not shutil.which("node") or not modules.exists():
        pytest.skip("Run npm ci in tests/js for the JavaScript client.")
    (tmp_path / "node_modules").symlink_to(modules.resolve())
    files = {}
    for number, (where, code, expected) in enumerate(snippets("js")):
        files[str(tmp_path / f"{number}.mjs")] = where, expected
        (tmp_path / f"{number}.mjs").write_text(code.replace(ADDRESS, app_url), encoding="utf-8")
    command = ["node", str(ROOT / "tests/js/snippets.mjs"), *files]
    run = subprocess.run(command, capture_output=True, text=True, timeout=250)
    assert run.returncode == 0, run.stderr
    for file, printed in json.loads(run.stdout).items():
        assert "FAILED" not in printed, (files[file][0], printed)
        check(printed, files[file][1])


@pytest.mark.parametrize(("where", "code", "expected"), snippets("bash"), ids=lambda value: str(value)[:40])
def test_shell(app_url, where, code, expected):
    path = f"{Path(sys.executable).parent}:{os.environ['PATH']}"
    command = ["bash", "-euo", "pipefail", "-c", code.replace(ADDRESS, app_url)]
    run = subprocess.run(
        command, cwd=ROOT, env={**os.environ, "PATH": path}, capture_output=True, text=True, timeout=250
    )
    assert run.returncode == 0, run.stderr
    check(run.stdout, expected)

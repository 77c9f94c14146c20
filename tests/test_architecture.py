"""The invariants of ARCHITECTURE.md."""

import ast
import subprocess
import sys

import pytest


def imports(path) -> set[str]:
    """Top-level packages that a file imports anywhere."""
    found = set()
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            found |= {a.name.split(".")[0] for a in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module and not node.level:
            found.add(node.module.split(".")[0])
    return found


def test_only_the_page_imports_gradio(root):
    users = {p.name for p in (root / "therapist").rglob("*.py") if "gradio" in imports(p)}
    assert users <= {"ui.py"}


def test_the_library_never_imports_the_training(root):
    for path in [*(root / "therapist").rglob("*.py"), root / "app.py"]:
        assert "train" not in imports(path), path


def test_only_the_settings_read_the_environment(root):
    for path in (root / "therapist").rglob("*.py"):
        if path.name != "settings.py":
            assert "os.environ" not in path.read_text(encoding="utf-8"), path
            assert "getenv" not in path.read_text(encoding="utf-8"), path


@pytest.mark.parametrize("package", ["torch", "transformers", "gradio", "sentence_transformers", "numpy"])
def test_importing_the_library_loads_no_heavy_package(root, package):
    code = f"import sys, therapist; sys.exit({package!r} in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], cwd=root, timeout=60).returncode == 0


def test_no_room_has_a_name_that_says_nothing(root):
    names = {p.stem for p in [*(root / "therapist").rglob("*.py"), *(root / "train").rglob("*.py")]}
    assert not names & {"utils", "util", "common", "core", "helpers", "helper", "misc", "manager", "handler"}


def test_every_public_module_says_its_purpose(root):
    for path in [*(root / "therapist").rglob("*.py"), *(root / "train").glob("*.py"), *(root / "space").glob("*.py")]:
        assert ast.get_docstring(ast.parse(path.read_text(encoding="utf-8"))) or path.stat().st_size == 0, path


def test_a_function_fits_a_screen(root):
    for path in [*(root / "therapist").rglob("*.py"), *(root / "train").glob("*.py"), *(root / "space").glob("*.py")]:
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.FunctionDef):
                assert (node.end_lineno or 0) - node.lineno <= 60, f"{path.name}: {node.name}"

"""Flags, variables, and errors that say what to do."""

import dataclasses
import subprocess
import sys

import pytest

from therapist.errors import SettingsError
from therapist.settings import Settings, read


def test_the_defaults_need_no_flag_and_no_variable():
    assert read([], {}) == Settings()


def test_a_variable_beats_the_default_and_a_flag_beats_the_variable():
    assert read([], {"THERAPIST_N": "6"}).n == 6
    assert read(["--n", "2"], {"THERAPIST_N": "6"}).n == 2


def test_a_switch_needs_no_value_and_takes_no_other_than_true_and_false():
    assert read(["--mcp"], {}).mcp and read([], {"THERAPIST_MCP": "true"}).mcp
    assert not read(["--mcp", "false"], {"THERAPIST_MCP": "true"}).mcp
    with pytest.raises(SettingsError, match="THERAPIST_MCP must be true or false, got 'maybe'"):
        read([], {"THERAPIST_MCP": "maybe"})


def test_settings_cannot_be_changed_afterwards():
    with pytest.raises(dataclasses.FrozenInstanceError):
        Settings().n = 9  # ty: ignore[invalid-assignment]


@pytest.mark.parametrize(
    ("environment", "said"),
    [
        ({"THERAPIST_N": "0"}, "THERAPIST_N must be 1 to 16, got 0. Try 8."),
        ({"THERAPIST_N": "many"}, "THERAPIST_N must be a whole number, got 'many'. Try 8."),
        ({"THERAPIST_TEMPERATURE": "9"}, "THERAPIST_TEMPERATURE must be 0.01 to 2, got 9.0. Try 0.5."),
        ({"THERAPIST_COUNTRY": "Nigeria"}, "THERAPIST_COUNTRY must be a two-letter ISO 3166 code, got 'Nigeria'."),
        ({"THERAPIST_BASE_URL": "localhost:8000"}, "THERAPIST_BASE_URL must begin with http:// or https://"),
        ({"THERAPIST_COLOUR": "red"}, "THERAPIST_COLOUR is no setting. Known are: THERAPIST_API_KEY"),
    ],
)
def test_a_setting_that_cannot_be_used_is_named_with_what_was_found_and_what_to_do(environment, said):
    with pytest.raises(SettingsError) as error:
        read([], environment)
    assert said in str(error.value)


def test_help_names_every_setting_with_its_variable_and_default(root):
    out = subprocess.run([sys.executable, "app.py", "--help"], cwd=root, capture_output=True, text=True, timeout=60)
    assert out.returncode == 0
    for field in dataclasses.fields(Settings):
        assert f"--{field.name.replace('_', '-')}" in out.stdout
        assert f"THERAPIST_{field.name.upper()}" in out.stdout.replace("\n", "").replace(" ", "")


def test_a_bad_setting_ends_the_app_with_one_line_and_no_traceback(root):
    out = subprocess.run([sys.executable, "app.py", "--n", "0"], cwd=root, capture_output=True, text=True, timeout=60)
    assert out.returncode == 2
    assert "THERAPIST_N must be 1 to 16" in out.stderr
    assert "Traceback" not in out.stderr

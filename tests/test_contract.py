"""What callers were promised changes only when the version says so."""

import hashlib
import json
from typing import Literal

import httpx
import jsonschema
import pytest
from openapi_spec_validator import validate

from therapist import api, contract
from therapist.api import API_VERSION

FROZEN = {"1.0": "769c78a461015e63"}
"Version to the hash of its shape. An entry is never changed: what changes the shape raises API_VERSION and adds a line."
WORDING = ("description", "summary", "example", "info")


def shape(value, *, named=False):
    """A description without its wording: names, types, defaults, what is required. A parameter may be named as wording."""
    if isinstance(value, dict):
        return {k: shape(v, named=k == "properties") for k, v in sorted(value.items()) if named or k not in WORDING}
    return [shape(v) for v in value] if isinstance(value, list) else value


def digest() -> str:
    return hashlib.sha256(json.dumps(shape(contract.openapi())).encode()).hexdigest()[:16]


def test_the_contract_changes_only_with_its_version():
    assert FROZEN.get(API_VERSION) == digest(), (
        f"The API is no longer that of version {API_VERSION}. Raise API_VERSION in therapist/api.py and in API.md, add "
        f"{digest()!r} for it here, and say in CHANGELOG.md what callers gain or must adapt to."
    )


def test_the_committed_description_is_that_of_the_code():
    promised = json.loads(contract.PROMISED.read_text(encoding="utf-8"))
    assert promised == contract.openapi(), "Run: python -m therapist contract > therapist/openapi.json"


@pytest.mark.parametrize("change", ["parameter", "default", "field", "endpoint", "route"])
def test_a_change_that_a_caller_would_notice_changes_the_shape(monkeypatch, change):
    before = digest()
    if change == "parameter":
        monkeypatch.setitem(api.Api.assess_risk.__annotations__, "message", str | None)
    elif change == "default":
        monkeypatch.setattr(api.Api.refer, "__defaults__", ("NG", None))
    elif change == "field":
        monkeypatch.setitem(api.Said.__annotations__, "mood", str)
    elif change == "endpoint":
        monkeypatch.setattr(contract, "ENDPOINTS", api.ENDPOINTS[:-1])
    else:
        monkeypatch.setitem(api.Said.__annotations__, "route", Literal["reply", "crisis"])
    contract.endpoints.cache_clear()
    try:
        assert digest() != before
    finally:
        contract.endpoints.cache_clear()


def test_better_wording_needs_no_new_version(monkeypatch):
    before = digest()
    monkeypatch.setitem(contract.words(), "ok", "Here you are.")
    assert digest() == before


def test_the_page_serves_the_description(app_url):
    assert httpx.get(f"{app_url}/openapi.json", timeout=60).json() == contract.openapi()


@pytest.mark.parametrize("endpoint", contract.endpoints(), ids=lambda e: e.name)
def test_every_example_is_answered_in_the_shape_that_is_promised(app_url, endpoint):
    answer = httpx.post(f"{app_url}/v1/{endpoint.name}", json=endpoint.example, timeout=240)
    assert answer.status_code == 200, answer.text
    pieces = (
        [line.removeprefix("data: ") for line in answer.text.splitlines() if line]
        if endpoint.streams
        else [answer.text]
    )
    for piece in pieces:
        reply = json.loads(piece)
        jsonschema.validate(reply, endpoint.gives)
        assert set(reply) == set(endpoint.gives["properties"])


def test_the_description_is_valid_openapi():
    validate(contract.openapi())

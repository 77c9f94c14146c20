"""Whatever is sent to the API by its own description, or against it: a status that the description knows, and never 500."""

import json
from urllib.parse import quote

import httpx
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from therapist.contract import openapi

schemathesis = pytest.importorskip("schemathesis")
schemathesis.checks.load_all_checks()
CHECKS = schemathesis.checks.CHECKS.get_by_names(
    ["not_a_server_error", "status_code_conformance", "content_type_conformance", "response_schema_conformance"]
)
QUICK = settings(max_examples=8, deadline=None, suppress_health_check=list(HealthCheck), derandomize=True)


OPERATIONS = [result.ok() for result in schemathesis.openapi.from_dict(openapi()).get_all_operations()]


@pytest.mark.parametrize("mode", schemathesis.GenerationMode)
@pytest.mark.parametrize("operation", OPERATIONS, ids=lambda operation: operation.path)
def test_what_the_description_allows_and_forbids_never_breaks_it(app_url, operation, mode):
    """Without schemathesis's plugin, whose version knows no pytest 9."""
    if mode.is_negative and operation.method == "get":
        return  # it takes nothing that could be wrong

    # The schema of a stream is that of what stands behind each "data:", which schemathesis takes for the whole event.
    checks = [c for c in CHECKS if operation.path != "/v1/stream" or c.__name__ != "response_schema_conformance"]

    @QUICK
    @given(case=operation.as_strategy(generation_mode=mode))
    def sent(case: schemathesis.Case) -> None:
        case.call_and_validate(base_url=app_url, checks=checks, timeout=120)

    sent()


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=8), inner, max_size=4),
    max_leaves=12,
)
TURNS = st.lists(
    st.fixed_dictionaries({"role": JSON | st.sampled_from(["user", "assistant"]), "content": JSON}), max_size=5
)


@QUICK
@given(body=st.fixed_dictionaries({"message": JSON | st.text(max_size=4000)}, optional={"history": TURNS | JSON, "country": JSON, "language": JSON, "n": JSON, "seed": JSON}))  # fmt: skip
def test_any_json_gets_an_answer_or_a_sentence(app_url, body):
    answer = httpx.post(f"{app_url}/v1/respond", content=json.dumps(body).encode("utf-8", "surrogatepass"), timeout=120)
    assert answer.status_code in (200, 400), answer.text
    assert answer.json().get("text") or answer.json()["error"]


@QUICK
@given(body=st.binary(max_size=300), name=st.text(max_size=20))
def test_any_bytes_at_any_address_get_a_sentence(app_url, body, name):
    for path in ("respond", "stream", quote(name.encode("utf-8", "surrogatepass"), safe="")):
        answer = httpx.post(f"{app_url}/v1/{path}", content=body, timeout=60)
        assert answer.status_code < 500, (path, answer.text)

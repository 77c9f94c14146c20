"""The API as a contract: names, parameters, types and reply fields, read from `api` and written down as OpenAPI.

`openapi.json` beside this file is what was promised. A test holds it against the code, so that nothing changes unseen.
"""

import inspect
import json
import re
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any, get_args, get_origin, get_type_hints

from therapist.api import API_VERSION, ENDPOINTS, Api, Health

PROMISED = Path(__file__).parent / "openapi.json"
WORDS = Path(__file__).parent / "data" / "en" / "api.json"
Schema = dict[str, Any]


@dataclass(frozen=True)
class Endpoint:
    """One public function: what it is for, what it takes and gives as JSON Schema, and a call that works."""

    name: str
    about: str
    takes: Schema
    gives: Schema
    "Of each piece, where the endpoint streams."
    example: dict[str, Any]
    streams: bool


@cache
def words() -> dict[str, Any]:
    """What the API says about itself and its errors."""
    return json.loads(WORDS.read_text(encoding="utf-8"))


@cache
def endpoints() -> tuple[Endpoint, ...]:
    """The endpoints in the order in which they are listed."""
    return tuple(_endpoint(name) for name in ENDPOINTS)


def _endpoint(name: str) -> Endpoint:
    function = getattr(Api, name)
    about, described, example = _read(inspect.getdoc(function) or "")
    hints = get_type_hints(function)
    gives = hints.pop("return")
    streams = get_origin(gives) is Iterator
    takes: Schema = {"type": "object", "properties": {}, "required": [], "additionalProperties": False, "$defs": {}}
    for parameter in list(inspect.signature(function).parameters.values())[1:]:
        schema = _schema(hints[parameter.name])
        takes["$defs"] |= schema.pop("$defs", {})
        schema["description"] = described[parameter.name]
        if parameter.default is parameter.empty:
            takes["required"].append(parameter.name)
        else:
            schema["default"] = parameter.default
        takes["properties"][parameter.name] = schema
    return Endpoint(name, about, takes, _schema(get_args(gives)[0] if streams else gives), example, streams)


def _read(doc: str) -> tuple[str, dict[str, str], dict[str, Any]]:
    """Summary, descriptions of the parameters and example of a docstring."""
    about, _, rest = doc.partition("\n\nArgs:\n")
    arguments, _, example = rest.partition("\n\nExample: ")
    return " ".join(about.split()), dict(re.findall(r"^ +(\w+): (.+)$", arguments, re.M)), json.loads(example)


def _schema(kind: Any) -> Schema:
    """JSON Schema of a type, its named parts under $defs."""
    from pydantic import TypeAdapter

    return _untitled(TypeAdapter(kind).json_schema())


def _untitled(value: Any) -> Any:
    """Without the titles that only repeat names."""
    if isinstance(value, dict):
        return {k: _untitled(v) for k, v in value.items() if not (k == "title" and isinstance(v, str))}
    return [_untitled(v) for v in value] if isinstance(value, list) else value


def openapi() -> Schema:
    """The OpenAPI 3.1 description of the plain HTTP road: POST /v1/NAME, and GET /healthz."""
    parts: Schema = {"Error": words()["error"]}

    def shared(schema: Schema) -> Schema:
        parts.update(schema.get("$defs", {}))
        return {k: v for k, v in schema.items() if k != "$defs"}

    paths = {f"/v1/{e.name}": {"post": _operation(e, shared)} for e in endpoints()}
    health = {"description": words()["ok"], "content": {"application/json": {"schema": shared(_schema(Health))}}}
    paths["/healthz"] = {"get": {"operationId": "healthz", "summary": words()["health"], "responses": {"200": health}}}
    document = {
        "openapi": "3.1.0",
        "info": {**words()["info"], "version": API_VERSION},
        "servers": [{"url": "/"}],
        "paths": paths,
        "components": {"schemas": dict(sorted(parts.items()))},
    }
    return json.loads(json.dumps(document).replace("#/$defs/", "#/components/schemas/"))


def _operation(endpoint: Endpoint, shared: Any) -> Schema:
    kind = "text/event-stream" if endpoint.streams else "application/json"
    refused = {"application/json": {"schema": {"$ref": "#/components/schemas/Error"}}}
    return {
        "operationId": endpoint.name,
        "summary": endpoint.about,
        "requestBody": {
            "required": True,
            "content": {"application/json": {"schema": shared(endpoint.takes), "example": endpoint.example}},
        },
        "responses": {
            "200": {"description": words()["ok"], "content": {kind: {"schema": shared(endpoint.gives)}}},
            **{code: {"description": text, "content": refused} for code, text in words()["refused"].items()},
        },
    }


def main(_: list[str]) -> int:
    """Print the contract as the code has it."""
    print(json.dumps(openapi(), ensure_ascii=False, indent=1))
    return 0

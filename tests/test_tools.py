"""The tools of the Model Context Protocol, by its own client over streamable HTTP."""

import asyncio
import json
import subprocess
import sys
from collections.abc import Awaitable, Callable
from typing import Any

import httpx
import pytest
from conftest import running_app
from mcp import ClientSession
from mcp.client.streamable_http import streamablehttp_client

from therapist import contract


def ask(url: str, question: Callable[[ClientSession], Awaitable[Any]]) -> Any:
    """What a client finds out in a session of its own."""

    async def session() -> Any:
        async with streamablehttp_client(f"{url}/mcp") as (read, write, _), ClientSession(read, write) as client:
            await client.initialize()
            return await question(client)

    return asyncio.run(session())


def call(url: str, name: str, **arguments: Any) -> Any:
    return ask(url, lambda client: client.call_tool(name, arguments))


def test_every_endpoint_that_does_not_stream_is_a_tool_with_its_schemas(app_url):
    tools = ask(app_url, lambda client: client.list_tools()).tools
    assert {t.name: (t.inputSchema, t.outputSchema) for t in tools} == {
        e.name: (e.takes, e.gives) for e in contract.endpoints() if not e.streams
    }


def test_the_assistant_is_told_what_to_do_in_a_crisis(app_url):
    async def told(client: ClientSession) -> str:
        return (await client.initialize()).instructions or ""

    assert "word for word and at once" in ask(app_url, told)


def test_a_crisis_is_answered_with_the_lines_of_the_country(app_url):
    answer = call(app_url, "respond", message="I want to kill myself.", country="GB")
    assert answer.structuredContent["route"] == "crisis"
    assert "116 123" in answer.structuredContent["text"]
    assert json.loads(answer.content[0].text) == answer.structuredContent


def test_an_ordinary_message_is_answered(app_url):
    assert call(app_url, "chat", message="My sister stopped calling me.").structuredContent["text"]


@pytest.mark.parametrize(
    ("name", "arguments", "sentence"),
    [
        ("chat", {}, "message is missing"),
        ("chat", {"message": "hey", "mood": 1}, "'mood' is no parameter of chat"),
        ("chat", {"message": ["hey"]}, "message must be text"),
        ("sing", {}, "There is no endpoint sing. There are: chat, respond"),
    ],
)
def test_what_cannot_be_read_becomes_a_sentence(app_url, name, arguments, sentence):
    answer = call(app_url, name, **arguments)
    assert answer.isError
    assert sentence in answer.content[0].text


def test_the_log_holds_no_word_of_a_call(app_url, app_log):
    call(app_url, "Numbatviola")
    call(app_url, "respond", message="Numbatviola makes me sad.")
    assert "Numbatviola" not in app_log.read_text(encoding="utf-8")


def test_without_the_flag_there_are_no_tools(tmp_path):
    with running_app(tmp_path / "log", ready=False) as url:
        assert httpx.post(f"{url}/mcp", json={}, timeout=60).status_code == 404


@pytest.mark.parametrize(
    ("version", "said"), [(None, "it is not installed. Run: pip install 'mcp<2'"), ("2.3.0", "version 2.3.0 was found")]
)
def test_a_missing_package_is_named_before_anything_starts(root, version, said, tmp_path):
    # A finder of its own stands for the package's absence, or for another version of it.
    code = f"""
import importlib.metadata as m, runpy, sys
real = m.version
def version(name):
    if name != "mcp": return real(name)
    if {version!r} is None: raise m.PackageNotFoundError(name)
    return {version!r}
m.version = version
sys.argv = ["app.py", "--mcp", "--port", "0"]
runpy.run_path("app.py", run_name="__main__")
"""
    out = subprocess.run([sys.executable, "-c", code], cwd=root, capture_output=True, text=True, timeout=200)
    assert out.returncode == 1
    assert said in out.stderr and "Traceback" not in out.stderr

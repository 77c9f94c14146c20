"""The endpoints as tools of the Model Context Protocol, for assistants that call them. Optional: `--mcp`.

Stateless streamable HTTP: every request stands alone, as every call of the API does.
"""

import logging
from functools import partial
from importlib import metadata
from typing import Any

from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.routing import Route
from starlette.types import ASGIApp, Receive, Scope, Send

from therapist.api import API_VERSION, Api, caller
from therapist.contract import endpoints, words
from therapist.errors import SettingsError, TherapistError
from therapist.web import address, checked_arguments

log = logging.getLogger(__name__)
PATH = "/mcp"


def require() -> None:
    """Raises:
    SettingsError: the package is missing, or of a version with another interface.
    """
    try:
        found = metadata.version("mcp")
    except metadata.PackageNotFoundError:
        raise SettingsError(words()["mcp"]["missing"].format(words()["mcp"]["absent"])) from None
    if int(found.split(".")[0]) >= 2:
        raise SettingsError(words()["mcp"]["missing"].format(words()["mcp"]["found"].format(found)))


def route(api: Api) -> Route:
    """The road to the tools, to be added to the app's."""
    from mcp.server.streamable_http_manager import StreamableHTTPSessionManager

    server = _server(api)

    class Served:
        """A class, because a route takes a function for something else."""

        async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
            request = Request(scope)
            caller.set(address(request.headers, request.client.host if request.client else ""))
            # One manager a request: without sessions there is nothing to share, and nothing to start with the app.
            manager = StreamableHTTPSessionManager(server, json_response=True, stateless=True)
            async with manager.run():
                await manager.handle_request(scope, receive, send)

    served: ASGIApp = Served()
    return Route(PATH, served)


def _server(api: Api) -> Any:
    from mcp import types
    from mcp.server.lowlevel import Server

    logging.getLogger("mcp").setLevel(logging.ERROR)  # its warnings repeat what callers sent
    server: Any = Server("quiet-hour", version=API_VERSION, instructions=words()["mcp"]["instructions"])
    offered = {e.name: e for e in endpoints() if not e.streams}

    @server.list_tools()
    async def tools() -> list[types.Tool]:
        harmless = types.ToolAnnotations(readOnlyHint=True, openWorldHint=False)
        return [
            types.Tool(
                name=e.name, description=e.about, inputSchema=e.takes, outputSchema=e.gives, annotations=harmless
            )
            for e in offered.values()
        ]

    @server.call_tool(validate_input=False)
    async def call(name: str, arguments: dict[str, Any]) -> Any:
        if name not in offered:
            raise ValueError(words()["unknown"].format(name[:40], ", ".join(offered)))
        try:
            return await run_in_threadpool(partial(getattr(api, name), **checked_arguments(offered[name], arguments)))
        except TherapistError:
            raise
        except Exception as error:
            log.error("No answer could be given: %s.", type(error).__name__)
            raise RuntimeError(words()["failed"]) from None

    return server

"""Plain HTTP beside the page: POST /v1/NAME for each endpoint, their description, and whether all is well.

The road for callers without a client of Gradio: JSON in, JSON out, and a status that says what went wrong.
"""

import inspect
import ipaddress
import json
import logging
from collections.abc import Mapping
from functools import partial
from itertools import chain
from typing import Any

from anyio import CapacityLimiter, to_thread
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, Response, StreamingResponse

from therapist.api import ENDPOINTS, MAX_WAITING, SPARE, Api, caller
from therapist.contract import Endpoint, endpoints, openapi, words
from therapist.errors import BusyError, InputError, TherapistError

log = logging.getLogger(__name__)
MAX_BYTES = 8_000_000
"Largest body: danger is looked for in texts far longer than those that are answered."
RETRY_S = 2


def add_to(app: Starlette, api: Api) -> None:
    """Serve the plain roads of an API beside what the app serves already."""

    threads = CapacityLimiter(MAX_WAITING + SPARE)

    async def answer(request: Request) -> Response:
        caller.set(address(request.headers, request.client.host if request.client else ""))
        return await _answer(api, request, threads)

    async def described(_: Request) -> Response:
        return JSONResponse(openapi())

    async def health(_: Request) -> Response:
        return JSONResponse(api.healthz())

    app.add_route("/v1/{name:path}", answer, methods=["POST"])
    app.add_route("/openapi.json", described)
    app.add_route("/healthz", health)


def address(headers: Mapping[str, str], peer: str) -> str:
    """Who asks, for the share of the seats: the last public address that a proxy saw, else the peer.

    Empty for this machine itself. The last public one, because a caller can write whatever it likes before it.
    """
    for hop in reversed(headers.get("x-forwarded-for", "").split(",")):
        if (found := _ip(hop)) and found.is_global:
            return str(found)
    found = _ip(peer)
    return "" if found and found.is_loopback else peer


def _ip(text: str) -> ipaddress.IPv4Address | ipaddress.IPv6Address | None:
    try:
        return ipaddress.ip_address(text.strip())
    except ValueError:
        return None


async def _answer(api: Api, request: Request, threads: CapacityLimiter) -> Response:
    endpoint = next((e for e in endpoints() if e.name == request.path_params["name"]), None)
    if endpoint is None:
        return _refused(404, words()["unknown"].format(request.url.path[:40], ", ".join(f"/v1/{n}" for n in ENDPOINTS)))
    body = b""
    async for piece in request.stream():
        body += piece
        if len(body) > MAX_BYTES:
            return _refused(413, words()["large"].format(f"{MAX_BYTES:,}"))
    try:
        arguments = checked_arguments(endpoint, _parsed(body))
        answer = await to_thread.run_sync(_begun, partial(getattr(api, endpoint.name), **arguments), limiter=threads)
    except InputError as error:
        return _refused(400, str(error))
    except BusyError as error:
        return _refused(429, str(error), {"Retry-After": str(RETRY_S)})
    except TherapistError:
        return _refused(503, words()["refused"]["503"])
    except Exception as error:
        log.error("No answer could be given: %s.", type(error).__name__)
        return _refused(500, words()["failed"])
    if endpoint.streams:
        events = (f"data: {json.dumps(piece)}\n\n" for piece in answer)
        return StreamingResponse(events, media_type="text/event-stream", headers={"Cache-Control": "no-store"})
    return JSONResponse(answer)


def _begun(function: partial) -> Any:
    """The answer; of a stream the first piece is waited for, so that a refusal still has its status."""
    answer = function()
    return chain([next(answer)], answer) if inspect.isgenerator(answer) else answer


def _parsed(body: bytes) -> Any:
    try:
        return json.loads(body)
    except (ValueError, RecursionError):
        return None


def checked_arguments(endpoint: Endpoint, arguments: Any) -> dict[str, Any]:
    """The arguments of a call by their names; what they hold is checked by the endpoint itself.

    Raises:
        InputError: this is no JSON object, or a name is not known or missing.
    """
    if not isinstance(arguments, dict):
        raise InputError(words()["no_json"].format(json.dumps(endpoint.example)))
    known = endpoint.takes["properties"]
    if extra := [name for name in arguments if name not in known]:
        raise InputError(words()["no_parameter"].format(repr(extra[0][:20]), endpoint.name, ", ".join(known)))
    if absent := [name for name in endpoint.takes["required"] if name not in arguments]:
        raise InputError(words()["missing"].format(absent[0], json.dumps(endpoint.example)))
    return arguments


def _refused(status: int, sentence: str, headers: dict[str, str] | None = None) -> Response:
    return JSONResponse({"error": sentence}, status, headers)

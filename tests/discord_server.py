"""Discord on loopback: the gateway and the REST routes that a bot needs, with Discord's own refusals.

The real discord.py talks to it. Tests see it as people do: `person.says(...)`, `person.uses("help")`,
`person.presses(...)`, and what stands in a channel afterwards. It refuses what Discord refuses: texts over 2,000
characters, tel: links, long labels, interactions answered twice or after three seconds, too many requests.
Source: https://discord.com/developers/docs, API version 10.
"""

import asyncio
import json
import re
import threading
import time
from collections import defaultdict, deque
from dataclasses import dataclass, field
from datetime import UTC, datetime
from itertools import count
from typing import Any

from aiohttp import WSMsgType, web

TOKEN = "test.token.of-the-bot"
BOT, GUILD, OPEN_CHANNEL = 900, 800, 801
DISPATCH, HEARTBEAT, IDENTIFY, RESUME, RECONNECT, INVALID, HELLO, ACK = 0, 1, 2, 6, 7, 9, 10, 11
COMMAND, COMPONENT, AUTOCOMPLETE, MODAL = 2, 3, 4, 5
PRIVATE_THREAD, EPHEMERAL, MESSAGE_CONTENT = 12, 64, 1 << 15


class Refused(Exception):
    """An answer of Discord's other than 2xx: status, Discord's own code, and why."""

    def __init__(self, status: int, code: int, why: str, **more: Any) -> None:
        super().__init__(why)
        self.status, self.body = status, {"code": code, "message": why, **more}


@dataclass(eq=False)
class Message:
    """What stands in a channel, with every text that it had before."""

    id: int
    channel: int
    author: int
    content: str
    components: list[dict] = field(default_factory=list)
    flags: int = 0
    allowed_mentions: dict | None = None
    at: float = field(default_factory=time.monotonic)
    edits: list[tuple[float, str]] = field(default_factory=list)
    deleted: bool = False

    @property
    def buttons(self) -> dict[str, dict]:
        return {b["label"]: b for line in self.components for b in line["components"]}


@dataclass(eq=False)
class Interaction:
    """A command, press, suggestion or form that a person sent, and how the bot answered it."""

    id: int
    person: "Person"
    channel: int
    source: Message | None = None
    at: float = field(default_factory=time.monotonic)
    answer: dict | None = None
    message: Message | None = None

    def shown(self) -> Message:
        """The message that the bot answered with, once it is there."""
        return self.person.server.wait(lambda: self.message)


@dataclass(eq=False)
class Person:
    """Somebody with a Discord account; `direct` is their direct message with the bot."""

    server: "DiscordServer"
    id: int
    name: str
    direct: int
    takes_direct: bool = True
    bot: bool = False

    def says(self, text: str, channel: int | None = None) -> Message:
        return self.server.do(self.server.said, self, text, channel or self.direct)

    def edits(self, message: Message, text: str) -> None:
        self.server.do(self.server.edited, message, text)

    def deletes(self, message: Message) -> None:
        self.server.do(self.server.deleted, message)

    def uses(self, name: str, channel: int | None = None, **options: str) -> Interaction:
        return self.server.do(self.server.used, self, COMMAND, name, channel or self.direct, options)

    def types(self, name: str, **options: str) -> list[str]:
        """What Discord suggests while this is typed."""
        typed = self.server.do(self.server.used, self, AUTOCOMPLETE, name, self.direct, options)
        self.server.wait(lambda: typed.answer)
        return [choice["name"] for choice in typed.answer["data"]["choices"]]

    def presses(self, message: Message, label: str) -> Interaction:
        return self.server.do(self.server.pressed, self, message, label)

    def fills(self, form: Interaction, value: str) -> Interaction:
        self.server.wait(lambda: form.answer)
        return self.server.do(self.server.filled, self, form, value)


class DiscordServer:
    """One bot, one server with one open channel, and whoever comes."""

    def __init__(self) -> None:
        self.people: dict[int, Person] = {}
        self.messages: list[Message] = []
        self.threads: dict[int, dict] = {}
        self.thread_members: dict[int, list[int]] = defaultdict(list)
        self.commands: list[dict] = []
        self.interactions: dict[str, Interaction] = {}
        self.log: list[tuple[str, str, int]] = []
        "Method, path and status of every request."
        self.identified, self.resumed, self.heartbeats = 0, 0, 0
        self.allows_content, self.allows_threads = True, True
        self.limit, self.window = 10, 1.0
        "Requests for each route and channel in so many seconds."
        self.refuse_next = 0
        "So many requests for messages are refused, as where a limit is hit that no header announced."
        self.refused: list[str] = []
        "Why requests were refused, for a test's message."
        self._ids, self._calls = count(10_000), defaultdict[tuple, deque[float]](deque)
        self._events: list[dict] = []
        self._socket: web.WebSocketResponse | None = None
        self._loop = asyncio.new_event_loop()
        self.port = 0

    # The life of the server.

    def __enter__(self) -> "DiscordServer":
        threading.Thread(target=self._loop.run_forever, name="discord", daemon=True).start()
        asyncio.run_coroutine_threadsafe(self._start(), self._loop).result(20)
        return self

    def __exit__(self, *_: object) -> None:
        asyncio.run_coroutine_threadsafe(self._runner.cleanup(), self._loop).result(20)
        self._loop.call_soon_threadsafe(self._loop.stop)

    async def _start(self) -> None:
        app = web.Application(middlewares=[self._answered])
        api = "/api/v10"
        for method, path, handler in (
            ("GET", "/users/@me", self._me),
            ("GET", "/oauth2/applications/@me", self._application),
            ("POST", "/users/@me/channels", self._open_direct),
            ("PUT", "/applications/{app}/commands", self._put_commands),
            ("POST", "/channels/{channel}/messages", self._post_message),
            ("PATCH", "/channels/{channel}/messages/{message}", self._patch_message),
            ("DELETE", "/channels/{channel}/messages/{message}", self._delete_message),
            ("POST", "/channels/{channel}/typing", self._typing),
            ("POST", "/channels/{channel}/threads", self._post_thread),
            ("PUT", "/channels/{channel}/thread-members/{user}", self._put_thread_member),
            ("POST", "/interactions/{id}/{token}/callback", self._answer_interaction),
            ("POST", "/webhooks/{app}/{token}", self._follow_up),
            ("PATCH", "/webhooks/{app}/{token}/messages/@original", self._edit_original),
        ):
            app.router.add_route(method, api + path, handler)
        app.router.add_get("/gateway/", self._gateway)
        self._runner = web.AppRunner(app, shutdown_timeout=0.2)
        await self._runner.setup()
        site = web.TCPSite(self._runner, "127.0.0.1", 0)
        await site.start()
        self.port = self._runner.addresses[0][1]

    @property
    def api(self) -> str:
        return f"http://127.0.0.1:{self.port}/api/v10"

    @property
    def gateway(self) -> str:
        return f"ws://127.0.0.1:{self.port}/gateway/"

    def do(self, act: Any, *arguments: Any) -> Any:
        async def run() -> Any:
            return await act(*arguments)

        return asyncio.run_coroutine_threadsafe(run(), self._loop).result(20)

    def wait(self, seen: Any, seconds: float = 30) -> Any:
        """What `seen` gives, once it gives something."""
        end = time.monotonic() + seconds
        while not (found := seen()):
            assert time.monotonic() < end, (
                f"Not seen in {seconds} s. Refused: {self.refused}. Said: {self.said_lately()}"
            )
            time.sleep(0.02)
        return found

    def said_lately(self) -> list[tuple[int, int, str]]:
        return [(m.channel, m.author, m.content[:60]) for m in self.messages[-8:]]

    # What people do.

    def person(self, name: str, **options: Any) -> Person:
        person = Person(self, next(self._ids), name, next(self._ids), **options)
        self.people[person.id] = person
        return person

    def answers(self, channel: int, after: Message | None = None) -> list[Message]:
        """What the bot said in a channel and did not take back, oldest first."""
        said = [m for m in self.messages if m.channel == channel and m.author == BOT and not m.deleted]
        return [m for m in said if not after or m.id > after.id]

    def answer(self, channel: int, after: Message | None = None, number: int = 1, seconds: float = 120) -> Message:
        """The bot's first, second ... message in a channel after another message."""
        return self.wait(lambda: self.answers(channel, after)[number - 1 : number], seconds)[0]

    async def said(self, person: Person, text: str, channel: int) -> Message:
        message = self._stand(Message(next(self._ids), channel, person.id, text))
        await self._dispatch("MESSAGE_CREATE", self._message(message))
        return message

    async def edited(self, message: Message, text: str) -> None:
        message.edits.append((time.monotonic(), message.content))
        message.content = text
        await self._dispatch("MESSAGE_UPDATE", self._message(message))

    async def deleted(self, message: Message) -> None:
        message.deleted = True
        gone = {"id": str(message.id), "channel_id": str(message.channel), **self._where(message.channel)}
        await self._dispatch("MESSAGE_DELETE", gone)

    async def used(self, person: Person, kind: int, name: str, channel: int, options: dict[str, str]) -> Interaction:
        command = next(c for c in self.commands if c["name"] == name)
        known = {o["name"] for o in command.get("options", [])}
        assert set(options) <= known, f"/{name} has the options {known}"
        given = [{"name": n, "type": 3, "value": v, "focused": kind == AUTOCOMPLETE} for n, v in options.items()]
        return await self._interact(
            kind, person, channel, {"id": command["id"], "name": name, "type": 1, "options": given}
        )

    async def pressed(self, person: Person, message: Message, label: str) -> Interaction:
        button = message.buttons[label]
        data = {"component_type": 2, "custom_id": button["custom_id"]}
        return await self._interact(COMPONENT, person, message.channel, data, message)

    async def filled(self, person: Person, form: Interaction, value: str) -> Interaction:
        assert form.answer and form.answer["type"] == 9, "That was not answered with a form."
        label = form.answer["data"]["components"][0]
        written = {"type": 4, "custom_id": label["component"]["custom_id"], "value": value, "id": 2}
        data = {
            "custom_id": form.answer["data"]["custom_id"],
            "components": [{"type": 18, "id": 1, "component": written}],
        }
        return await self._interact(MODAL, person, form.channel, data, form.source)

    async def _interact(
        self, kind: int, person: Person, channel: int, data: dict, source: Message | None = None
    ) -> Interaction:
        interaction = Interaction(next(self._ids), person, channel, source)
        token = f"token-{interaction.id}"
        self.interactions[token] = interaction
        who = {"user": self._user(person.id)}
        event = {
            "id": str(interaction.id), "application_id": str(BOT), "type": kind, "token": token, "version": 1,
            "data": data, "channel_id": str(channel), "channel": self._channel(channel), "locale": "en-GB",
            "entitlements": [], "authorizing_integration_owners": {}, "app_permissions": "0",
            "context": 0 if self._where(channel) else 1, "attachment_size_limit": 10_000_000, **self._where(channel),
            **({"member": self._member(person.id)} if self._where(channel) else who),
            **({"message": self._message(source)} if source else {}),
        }  # fmt: skip
        await self._dispatch("INTERACTION_CREATE", event)
        return interaction

    # The gateway.

    async def _gateway(self, request: web.Request) -> web.WebSocketResponse:
        socket = web.WebSocketResponse()
        await socket.prepare(request)
        await socket.send_json({"op": HELLO, "d": {"heartbeat_interval": 500}, "s": None, "t": None})
        async for frame in socket:
            if frame.type is not WSMsgType.TEXT:
                break
            sent = json.loads(frame.data)
            if sent["op"] == HEARTBEAT:
                self.heartbeats += 1
                await socket.send_json({"op": ACK, "d": None, "s": None, "t": None})
            elif sent["op"] == IDENTIFY:
                await self._identify(socket, sent["d"])
            elif sent["op"] == RESUME:
                await self._resume(socket, sent["d"])
        return socket

    async def _identify(self, socket: web.WebSocketResponse, sent: dict) -> None:
        if sent["token"] != TOKEN:
            await socket.close(code=4004)
        elif sent["intents"] & MESSAGE_CONTENT and not self.allows_content:
            await socket.close(code=4014)
        else:
            self.identified += 1
            self._events, self._socket = [], socket
            ready = {
                "v": 10, "user": self._user(BOT), "guilds": [{"id": str(GUILD), "unavailable": True}],
                "session_id": f"session-{self.identified}", "resume_gateway_url": self.gateway,
                "application": {"id": str(BOT), "flags": 0}, "shard": [0, 1],
            }  # fmt: skip
            await self._dispatch("READY", ready)
            await self._dispatch("GUILD_CREATE", self._guild())

    async def _resume(self, socket: web.WebSocketResponse, sent: dict) -> None:
        """Send again what was missed, if the session is known."""
        if sent["session_id"] != f"session-{self.identified}" or sent["token"] != TOKEN:
            await socket.send_json({"op": INVALID, "d": False, "s": None, "t": None})
            return
        self.resumed += 1
        for event in self._events[sent["seq"] :]:
            await socket.send_json(event)
        self._socket = socket
        await self._dispatch("RESUMED", {})

    async def _dispatch(self, name: str, data: dict) -> None:
        event = {"op": DISPATCH, "t": name, "d": data, "s": len(self._events) + 1}
        self._events.append(event)
        if self._socket and not self._socket.closed:
            await self._socket.send_json(event)

    def drop(self, code: int = 4000) -> None:
        """Cut the gateway's connection."""
        socket, self._socket = self._socket, None
        assert socket is not None
        self.do(lambda: socket.close(code=code))

    def end_session(self) -> None:
        """Forget the session, so that a RESUME is refused."""
        self.identified += 1

    # The REST routes.

    @web.middleware
    async def _answered(self, request: web.Request, handler: Any) -> web.StreamResponse:
        """Token, rate limit, and refusals in Discord's form."""
        if request.path.startswith("/gateway"):
            return await handler(request)
        headers = {"Via": "1.1 loopback"}
        try:
            if "/interactions/" not in request.path and "/webhooks/" not in request.path:
                self._authorise(request)
            headers |= self._count(request)
            body = await handler(request)
            response = _json(body, headers) if body is not None else web.Response(status=204, headers=headers)
        except Refused as refused:
            self.refused.append(f"{request.method} {request.path}: {refused}")
            headers |= {"Retry-After": str(refused.body["retry_after"])} if "retry_after" in refused.body else {}
            response = _json(refused.body, headers, refused.status)
        self.log.append((request.method, request.path, response.status))
        return response

    def _authorise(self, request: web.Request) -> None:
        if request.headers.get("Authorization") != f"Bot {TOKEN}":
            raise Refused(401, 0, "401: Unauthorized")

    def _count(self, request: web.Request) -> dict[str, str]:
        """One more request of its bucket: the headers, or a refusal."""
        where = request.match_info.get("channel") or request.match_info.get("token") or ""
        route = request.match_info.route.resource
        calls, now = self._calls[(request.method, str(route and route.canonical), where)], time.monotonic()
        while calls and now - calls[0] > self.window:
            calls.popleft()
        if self.refuse_next and request.path.endswith("/messages"):
            self.refuse_next -= 1
            raise Refused(429, 0, "You are being rate limited.", retry_after=0.3, **{"global": False})
        if len(calls) >= self.limit:
            wait = round(self.window - (now - calls[0]), 3)
            raise Refused(429, 0, "You are being rate limited.", retry_after=max(wait, 0.05), **{"global": False})
        calls.append(now)
        left, reset = self.limit - len(calls), self.window - (now - calls[0])
        return {
            "X-RateLimit-Limit": str(self.limit), "X-RateLimit-Remaining": str(left),
            "X-RateLimit-Reset": f"{time.time() + reset:.3f}", "X-RateLimit-Reset-After": f"{reset:.3f}",
            "X-RateLimit-Bucket": f"{request.method}-{route and hash(route.canonical)}",
        }  # fmt: skip

    async def _me(self, _: web.Request) -> dict:
        return self._user(BOT)

    async def _application(self, _: web.Request) -> dict:
        return {
            "id": str(BOT), "name": "Quiet Hour", "icon": None, "description": "", "rpc_origins": [], "bot_public": True,
            "bot_require_code_grant": False, "owner": self._user(BOT), "verify_key": "0" * 64, "team": None, "flags": 0,
        }  # fmt: skip

    async def _open_direct(self, request: web.Request) -> dict:
        return self._channel(self.people[int((await request.json())["recipient_id"])].direct)

    async def _put_commands(self, request: web.Request) -> list[dict]:
        sent = await request.json()
        for command in sent:
            options = command.get("options", [])
            for named in [command, *options]:
                self._check(re.fullmatch(r"[-_\w]{1,32}", named["name"]), f"name {named['name']!r}")
                self._check(1 <= len(named["description"]) <= 100, f"description of {named['name']}")
            for choice in [c for o in options for c in o.get("choices", [])]:
                self._check(1 <= len(choice["name"]) <= 100, f"choice {choice['name']!r}")
            self._check(all(len(o.get("choices", [])) <= 25 for o in options), "more than 25 choices")
        self._check(len({c["name"] for c in sent}) == len(sent) <= 100, "names of the commands")
        self.commands = [
            {
                **c,
                "id": str(next(self._ids)),
                "application_id": str(BOT),
                "version": "1",
                "default_member_permissions": None,
            }
            for c in sent
        ]
        return self.commands

    async def _post_message(self, request: web.Request) -> dict:
        channel = int(request.match_info["channel"])
        person = next((p for p in self.people.values() if p.direct == channel), None)
        if person and not person.takes_direct:
            raise Refused(403, 50007, "Cannot send messages to this user")
        return self._message(self._stand(self._written(await request.json(), channel)))

    async def _patch_message(self, request: web.Request) -> dict:
        return self._message(self._change(self._find(request), await request.json()))

    async def _delete_message(self, request: web.Request) -> None:
        message = self._find(request)
        if message.author != BOT and self._where(message.channel) == {}:
            raise Refused(403, 50003, "Cannot execute action on a DM channel")
        message.deleted = True

    async def _typing(self, _: web.Request) -> None:
        return None

    async def _post_thread(self, request: web.Request) -> dict:
        sent, parent = await request.json(), int(request.match_info["channel"])
        if not self.allows_threads:
            raise Refused(403, 50013, "Missing Permissions")
        now = datetime.now(UTC).isoformat()
        about = {
            "archived": False, "auto_archive_duration": sent["auto_archive_duration"], "archive_timestamp": now,
            "locked": False, "invitable": sent["invitable"], "create_timestamp": now,
        }  # fmt: skip
        thread = {
            "id": str(next(self._ids)), "type": sent["type"], "guild_id": str(GUILD), "parent_id": str(parent),
            "owner_id": str(BOT), "name": sent["name"], "message_count": 0, "member_count": 1,
            "rate_limit_per_user": 0, "last_message_id": None, "thread_metadata": about,
        }  # fmt: skip
        self.threads[int(thread["id"])] = thread
        await self._dispatch("THREAD_CREATE", {**thread, "newly_created": True})
        return thread

    async def _put_thread_member(self, request: web.Request) -> None:
        self.thread_members[int(request.match_info["channel"])].append(int(request.match_info["user"]))

    async def _answer_interaction(self, request: web.Request) -> dict:
        interaction, sent = self.interactions[request.match_info["token"]], await request.json()
        if interaction.answer is not None:
            raise Refused(400, 40060, "Interaction has already been acknowledged.")
        if time.monotonic() - interaction.at > 3:
            raise Refused(404, 10062, "Unknown interaction")
        kind, data = sent["type"], sent.get("data") or {}
        if kind == 4:
            interaction.message = self._stand(self._written(data, interaction.channel))
        elif kind == 7:
            assert interaction.source
            interaction.message = self._change(interaction.source, data)
        interaction.answer = sent
        done = {
            "id": str(interaction.id),
            "type": kind,
            "response_message_id": str(interaction.message.id) if interaction.message else None,
        }
        resource = (
            {"type": kind, "message": self._message(interaction.message)} if interaction.message else {"type": kind}
        )
        return {"interaction": done, "resource": resource}

    async def _follow_up(self, request: web.Request) -> dict:
        interaction = self.interactions[request.match_info["token"]]
        interaction.message = self._stand(self._written(await request.json(), interaction.channel))
        if interaction.answer and interaction.answer["type"] == 5:  # the first one takes on the deferred answer's flags
            interaction.message.flags |= (interaction.answer.get("data") or {}).get("flags", 0)
        return self._message(interaction.message)

    async def _edit_original(self, request: web.Request) -> dict:
        message = self.interactions[request.match_info["token"]].message
        if message is None or message.deleted:
            raise Refused(404, 10008, "Unknown Message")
        return self._message(self._change(message, await request.json()))

    # What Discord takes, and how it writes things down.

    def _check(self, holds: Any, what: str) -> None:
        if not holds:
            raise Refused(400, 50035, f"Invalid Form Body: {what}")

    def _written(self, sent: dict, channel: int) -> Message:
        self._check(0 < len(sent.get("content") or "") <= 2000, "content must be 1 to 2000 in length")
        self._check_components(sent.get("components") or [])
        return Message(
            next(self._ids), channel, BOT, sent["content"], sent.get("components") or [], sent.get("flags") or 0,
            sent.get("allowed_mentions"),
        )  # fmt: skip

    def _change(self, message: Message, sent: dict) -> Message:
        if "content" in sent:
            self._check(0 < len(sent["content"]) <= 2000, "content must be 1 to 2000 in length")
            message.edits.append((time.monotonic(), message.content))
            message.content = sent["content"]
        if "components" in sent:
            self._check_components(sent["components"])
            message.components = sent["components"]
        return message

    def _check_components(self, lines: list[dict]) -> None:
        self._check(len(lines) <= 5, "more than 5 rows")
        for line in lines:
            self._check(len(line["components"]) <= 5, "more than 5 buttons in a row")
        buttons = [button for line in lines for button in line["components"]]
        ids = [button["custom_id"] for button in buttons if button["style"] != 5]
        self._check(len(set(ids)) == len(ids), f"custom ids twice: {ids}")
        for button in buttons:
            self._check(1 <= len(button["label"]) <= 80, f"label {button['label']!r}")
            if button["style"] == 5:
                scheme = button["url"].split(":")[0]
                self._check(
                    scheme in ("http", "https", "discord") and len(button["url"]) <= 512, f"url scheme {scheme}"
                )
            else:
                self._check(1 <= len(button["custom_id"]) <= 100, "custom_id")

    def _stand(self, message: Message) -> Message:
        self.messages.append(message)
        return message

    def _find(self, request: web.Request) -> Message:
        found = [m for m in self.messages if m.id == int(request.match_info["message"]) and not m.deleted]
        if not found:
            raise Refused(404, 10008, "Unknown Message")
        return found[0]

    def _where(self, channel: int) -> dict:
        return {"guild_id": str(GUILD)} if channel == OPEN_CHANNEL or channel in self.threads else {}

    def _user(self, user_id: int) -> dict:
        person = self.people.get(user_id)
        name = person.name if person else "quiet-hour"
        return {
            "id": str(user_id), "username": name.lower(), "global_name": name, "discriminator": "0", "avatar": None,
            "bot": user_id == BOT or bool(person and person.bot),
        }  # fmt: skip

    def _member(self, user_id: int) -> dict:
        joined = datetime(2026, 1, 1, tzinfo=UTC).isoformat()
        return {
            "user": self._user(user_id), "roles": [], "joined_at": joined, "deaf": False, "mute": False, "flags": 0,
            "permissions": "0",
        }  # fmt: skip

    def _channel(self, channel: int) -> dict:
        if channel in self.threads:
            return self.threads[channel]
        if channel == OPEN_CHANNEL:
            return {
                "id": str(OPEN_CHANNEL), "type": 0, "name": "general", "guild_id": str(GUILD), "position": 0,
                "permission_overwrites": [], "nsfw": False, "parent_id": None, "topic": None, "rate_limit_per_user": 0,
                "last_message_id": None,
            }  # fmt: skip
        person = next(p for p in self.people.values() if p.direct == channel)
        return {"id": str(channel), "type": 1, "last_message_id": None, "recipients": [self._user(person.id)]}

    def _guild(self) -> dict:
        role = {
            "id": str(GUILD), "name": "@everyone", "permissions": str(1 << 10 | 1 << 11), "position": 0, "color": 0,
            "hoist": False, "managed": False, "mentionable": False, "flags": 0,
            "colors": {"primary_color": 0, "secondary_color": None, "tertiary_color": None},
        }  # fmt: skip
        empty = (
            "emojis",
            "stickers",
            "features",
            "presences",
            "voice_states",
            "stage_instances",
            "guild_scheduled_events",
            "soundboard_sounds",
        )
        return {
            "id": str(GUILD), "name": "A server", "icon": None, "splash": None, "discovery_splash": None, "owner_id": "1",
            "afk_channel_id": None, "afk_timeout": 60, "verification_level": 0, "default_message_notifications": 0,
            "explicit_content_filter": 0, "roles": [role], "mfa_level": 0, "application_id": None, "description": None,
            "system_channel_id": None, "system_channel_flags": 0, "rules_channel_id": None, "premium_tier": 0,
            "preferred_locale": "en-US", "nsfw_level": 0, "premium_progress_bar_enabled": False, "banner": None,
            "channels": [self._channel(OPEN_CHANNEL)], "threads": list(self.threads.values()), "vanity_url_code": None,
            "members": [self._member(BOT)], "member_count": 2, "large": False, "unavailable": False,
            "joined_at": datetime(2026, 1, 1, tzinfo=UTC).isoformat(), "public_updates_channel_id": None,
            **{name: [] for name in empty},
        }  # fmt: skip

    def _message(self, message: Message) -> dict:
        mentioned = [int(i) for i in re.findall(r"<@!?(\d+)>", message.content)]
        stamp = datetime.now(UTC).isoformat()
        where = self._where(message.channel)
        member = {"member": {k: v for k, v in self._member(message.author).items() if k != "user"}} if where else {}
        return {
            "id": str(message.id), "channel_id": str(message.channel), "author": self._user(message.author),
            "content": message.content, "timestamp": stamp, "edited_timestamp": stamp if message.edits else None,
            "tts": False, "mention_everyone": False, "mentions": [self._user(i) for i in mentioned if i in (BOT, *self.people)],
            "mention_roles": [], "attachments": [], "embeds": [], "pinned": False, "type": 0,
            "components": message.components, "flags": message.flags, **where, **member,
        }  # fmt: skip


def _json(body: Any, headers: dict[str, str], status: int = 200) -> web.Response:
    """JSON as Discord sends it: discord.py reads it by a content type without a charset."""
    return web.Response(body=json.dumps(body).encode(), content_type="application/json", headers=headers, status=status)

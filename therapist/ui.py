"""The page: a gr.Blocks around a conversation, and the public functions of `api` as named endpoints.

What has to work without the server (help, notice, exercises, the view of the evidence) is in `data/page.js` and
`data/exercises.js`; it gets its words and helplines once, with the page. Text of people and models reaches the browser
as text, never as markup.
"""

import html
import json
import logging
import re
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import asdict
from functools import cache, wraps
from pathlib import Path
from typing import Any

import gradio as gr
from starlette.middleware import Middleware
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from therapist import exercises, referral
from therapist.api import MAX_CHARS, Api, checked_history, checked_text, text_of
from therapist.errors import BusyError, InputError
from therapist.pipeline import Reply, Therapist
from therapist.settings import Settings
from therapist.text import clean

log = logging.getLogger(__name__)
DATA = Path(__file__).parent / "data"
NOTICE_VERSION = "1"
"Raised when the notice changes, so that everybody sees it again."
SECONDS_A_WORD = 0.03
FORGET_S = 600
"How long a closed page can be returned to, as when a phone wakes up, before its conversation leaves the memory."
POLICY = (
    "default-src 'self'; script-src 'self' 'unsafe-inline' 'unsafe-eval'; style-src 'self' 'unsafe-inline'; "
    "img-src 'self' data: blob:; font-src 'self' data:; frame-src 'none'; object-src 'none'; form-action 'none'"
)
"Gradio needs inline scripts and eval; nothing may come from another host."
Leaving = dict[str, threading.Event]
"By session: what is set when the page is closed."
ENDPOINTS = ("chat", "respond", "rank", "assess_risk", "refer", "exercises", "exercise_step")


@cache
def words(name: str = "page", language: str = "en") -> dict[str, Any]:
    """The words of the page, or another table of a language."""
    return json.loads((DATA / language / f"{name}.json").read_text(encoding="utf-8"))


def disclosed(table: dict[str, Any], remote: bool) -> dict[str, Any]:
    """The words of the page where they say who reads along: another server does, if the operator has named one."""
    if not remote:
        return table
    first, notice = table["first"], table["notice"]
    own = table["remote"]
    return {**table, "first": {**first, "lines": own["lines"]}, "notice": {**notice, "points": own["points"]}}


def _as_text(text: str) -> str:
    """A zero-width space after each opening bracket, so that no tag begins; cleaning takes it away again."""
    return text.replace("<\u200b", "<").replace("<", "<\u200b")


def _plain(postprocess: Callable[[Any], Any]) -> Callable[[Any], Any]:
    """Text as text: even with Markdown off, Gradio's chatbot lets HTML through. A subclass would write a .pyi here."""

    def plain(value: Any) -> Any:
        data = postprocess(value)
        for message in data.root if data else []:
            for part in message.content:
                if part.type == "text":
                    part.text = _as_text(part.text)
        return data

    return plain


def build(therapist: Therapist) -> gr.Blocks:
    """The page of a therapist, ready to launch with `launch_options`."""
    api, leaving = Api(therapist), Leaving()
    with gr.Blocks(title=words()["title"], analytics_enabled=False, fill_height=True) as demo:
        _conversation(therapist, api, leaving)
        for name in ENDPOINTS:
            gr.api(_public(getattr(api, name)), api_name=name, concurrency_limit=None)
        demo.unload(_forget_later(demo, leaving))
    return demo.queue(max_size=64, api_open=False)


def launch_options(therapist: Therapist) -> dict[str, Any]:
    """How the page is served: nothing recorded, nothing shared, nothing fetched from elsewhere."""
    return {
        "head": _head(therapist.settings),
        "theme": gr.themes.Base(font=["system-ui", "sans-serif"], font_mono=["ui-monospace", "monospace"]),
        "run_history": False,
        "enable_monitoring": False,
        "footer_links": [],
        "show_error": False,
        "state_session_capacity": 500,
        "max_threads": 40,
        "share": False,
        "pwa": False,
        "ssr_mode": False,
        "mcp_server": False,
        "app_kwargs": {"middleware": [Middleware(_guarded)], "openapi_url": None},
    }


def _guarded(app: ASGIApp) -> ASGIApp:
    """The app with headers by which a browser refuses whatever the page might be tricked into fetching elsewhere."""
    guard = [(b"content-security-policy", POLICY.encode()), (b"referrer-policy", b"no-referrer")]

    async def guarded(scope: Scope, receive: Receive, send: Send) -> None:
        async def add(message: Message) -> None:
            if message["type"] == "http.response.start":
                message["headers"] = [*message["headers"], *guard]
            await send(message)

        await app(scope, receive, add)

    return guarded


def _conversation(therapist: Therapist, api: Api, leaving: Leaving) -> None:
    w = words()
    chatbot = gr.Chatbot(
        label=w["conversation"], show_label=False, container=False, scale=1, height=None, min_height=0, buttons=[],
        elem_id="talk", placeholder=_first_screen(bool(therapist.settings.base_url)),
        allow_tags=False, latex_delimiters=[], render_markdown=False, sanitize_html=True,
    )  # fmt: skip
    chatbot.postprocess = _plain(chatbot.postprocess)  # ty: ignore[invalid-assignment]
    place = gr.HTML(value={"country": "", "language": ""}, html_template="", elem_classes="q-none",
                    js_on_load="window.quiet.place(props)")  # fmt: skip
    after = gr.HTML(value={}, html_template="<div class='q-after'></div>", elem_id="after", apply_default_css=False,
                    js_on_load="window.quiet.evidence(element, props, trigger, watch) /* 'click' */")  # fmt: skip
    chat = gr.ChatInterface(
        _talk(therapist, api, leaving), chatbot=chatbot, textbox=_textbox(), additional_inputs=[place],
        additional_outputs=[after], examples=[[text, None] for text in w["examples"]],
        cache_examples=False, fill_height=True,
        api_name="ui", api_visibility="private", flagging_mode="never", save_history=False, show_progress="hidden",
        concurrency_limit=None, analytics_enabled=False, autofocus=False,
    )  # fmt: skip
    # What the page shows is the talk: this replica's own memory of it is empty when the one before has died.
    chat.textbox.submit(lambda shown: shown, chatbot, chat.chatbot_state, queue=False, api_visibility="private",
                        show_progress="hidden")  # fmt: skip
    _move_under(chat.chatbot, after)
    with gr.Row(elem_id="foot"):
        gr.HTML(f"<p>{html.escape(w['caveat'])}</p>", js_on_load=None, elem_id="caveat")
        again = gr.Button(w["again"], size="sm", elem_id="again", scale=0)
    whole = [chat.chatbot, chat.chatbot_state, chat.chatbot_value, chat.saved_input, after]
    again.click(
        lambda: ([], [], [], None, {}), None, whole, queue=False, api_visibility="private", show_progress="hidden"
    )
    after.click(_say_instead, [after, chatbot], [chatbot, chat.chatbot_state, chat.chatbot_value, after],
                queue=False, api_visibility="private", show_progress="hidden")  # fmt: skip


def _move_under(above: gr.Chatbot, block: gr.HTML) -> None:
    """Between the conversation and the field there is no place that ChatInterface would offer."""
    column = above.parent
    assert column is not None
    block.unrender()
    with column:
        block.render()
    column.children.insert(column.children.index(above) + 1, column.children.pop())


def _textbox() -> gr.Textbox:
    w = words()
    hints = gr.InputHTMLAttributes(autocomplete="off", enterkeyhint="send", spellcheck=True)
    return gr.Textbox(label=w["message"], placeholder=w["placeholder"], lines=1, max_lines=6, max_length=MAX_CHARS * 3,
                      submit_btn=w["send"], stop_btn=w["stop"], autofocus=False, html_attributes=hints, container=False,
                      elem_id="message", scale=7)  # fmt: skip


def _first_screen(remote: bool) -> str:
    first = disclosed(words(), remote)["first"]
    lines = "".join(f"<p>{html.escape(line)}</p>" for line in first["lines"])
    heading, examples = html.escape(first["heading"]), html.escape(first["examples"])
    return f"<div class='q-first'><h1>{heading}</h1>{lines}<p class='q-or'>{examples}</p></div>"


def _talk(therapist: Therapist, api: Api, leaving: Leaving) -> Callable[..., Iterator[tuple[str, Any]]]:
    """The function behind the conversation: the whole text so far, and what stands below it."""
    w = words()

    def talk(message: str, history: list[dict], place: dict, request: gr.Request) -> Iterator[tuple[str, Any]]:
        turns = [t for t in history if text_of(t.get("content")) not in (w["waking"], w["busy"], w["failed"])]
        try:
            if (
                not therapist.ready
                and therapist.assess(checked_text(message, "message"), checked_history(turns)).level != "crisis"
            ):
                yield w["waking"], gr.skip()
            place = place if isinstance(place, dict) else {}
            left = leaving.setdefault(str(request.session_hash), threading.Event())
            reply = api.reply(message, turns, place.get("country"), None, cancel=left)
        except InputError:
            size = len(message.strip()) if isinstance(message, str) else 0
            yield w["too_long"].format(f"{size:,}") if size > MAX_CHARS else w["empty"], {}
        except BusyError:
            yield w["busy"], {}
        except Exception as error:
            log.error("No answer could be given: %s.", type(error).__name__)
            yield w["failed"], {}
        else:
            offered = {"offer": api.offer(reply, message, turns), "limited": bool(therapist.limited)}
            yield from _said(reply, {**evidence(reply, message), **offered})

    return talk


def _said(reply: Reply, after: dict[str, Any]) -> Iterator[tuple[str, Any]]:
    """The chosen text word by word, a crisis text at once."""
    if reply.route != "crisis":
        pieces = reply.text.split(" ")
        for count in range(1, len(pieces)):
            yield " ".join(pieces[:count]), gr.skip()
            time.sleep(SECONDS_A_WORD)
    yield reply.text, after


def evidence(reply: Reply, message: str) -> dict[str, Any]:
    """What the page shows under a reply: the choice with plain reasons, and what to offer beside it."""
    reasons, names = words("reasons"), words()["why"]["parts_names"]
    asked = exercises.asked_for(message) if reply.risk.level == "none" else None
    chosen = next((i for i, c in enumerate(reply.candidates) if c.qualifies and c.text in reply.text), None)
    return {
        "route": reply.route,
        "kind": reply.risk.kind or "",
        "lines": reply.route in ("crisis", "referral"),
        "exercise": asked.id if asked else "",
        "chosen": chosen,
        "candidates": [
            {
                "text": c.text,
                "percent": round(100 * c.score),
                "qualifies": c.qualifies,
                "reasons": [reasons.get(code, code) for code in c.reasons],
                "parts": [{"name": names.get(name, name), "value": f"{value:.2f}"} for name, value in c.parts.items()],
                "nearest": c.nearest,
            }
            for c in reply.candidates
        ],
    }


def _say_instead(after: dict, messages: list[dict], event: gr.EventData) -> tuple[Any, ...]:
    """Put another candidate that qualifies in the place of the one that was said."""
    index, shown = event._data.get("index"), after.get("candidates") or []
    unchanged = messages, messages, messages, after
    if not (isinstance(index, int) and 0 <= index < len(shown) and messages and messages[-1]["role"] == "assistant"):
        return unchanged
    if not shown[index]["qualifies"] or after.get("chosen") is None:
        return unchanged
    said = clean(text_of(messages[-1]["content"])).replace(shown[after["chosen"]]["text"], shown[index]["text"], 1)
    messages = [*messages[:-1], {"role": "assistant", "content": said}]
    return messages, messages, messages, {**after, "chosen": index}


def _public(function: Callable[..., Any]) -> Callable[..., Any]:
    """A function as an endpoint: bad input becomes a sentence, without a traceback."""

    @wraps(function)
    def checked(*args: Any, **kwargs: Any) -> Any:
        try:
            return function(*args, **kwargs)
        except InputError as error:
            raise gr.Error(str(error), print_exception=False) from None
        except BusyError:
            raise gr.Error(words()["busy"], print_exception=False) from None

    return checked


def _forget_later(demo: gr.Blocks, leaving: Leaving) -> Callable[[gr.Request], None]:
    """A closed page: nothing more is drafted for it, and the last state, which Gradio keeps in memory, is let go."""

    def forget(session: str) -> None:
        held = demo.state_holder.session_data.get(session)
        if held is not None and held.is_closed:
            demo.state_holder.session_data.pop(session, None)
            demo.state_holder.time_last_used.pop(session, None)

    def closed(request: gr.Request) -> None:
        leaving.pop(str(request.session_hash), threading.Event()).set()
        timer = threading.Timer(FORGET_S, forget, [str(request.session_hash)])
        timer.daemon = True
        timer.start()

    return closed


def _head(settings: Settings) -> str:
    """Styles, data and script of the page, in this order."""
    remote = bool(settings.base_url)
    data = {
        "words": disclosed(words(), remote),
        "helplines": _helplines(),
        "exercises": [asdict(exercise) for exercise in exercises.exercises()],
        "guide": exercises.words(),
        "country": settings.country,
        "version": NOTICE_VERSION + ("-remote" if remote else ""),
    }
    style, script = (
        "".join((DATA / name).read_text(encoding="utf-8") for name in names)
        for names in (("page.css", "exercises.css"), ("exercises.js", "page.js"))
    )
    safe = json.dumps(data, ensure_ascii=True, separators=(",", ":")).replace("<", "\\u003c")
    return f"<style>{style}</style><script>window.quietData = {safe};{script}</script>"


def _helplines() -> dict[str, Any]:
    """Every country's lines with their links, for the browser: help must not need the server."""
    table = words("referral")
    return {
        "countries": {code: _country(code, name) for code, name in referral.countries().items()},
        "directory": referral.helplines(None)[-1].url,
        "checked": referral.checked(),
        "kinds": table["kinds"],
        "general": table["general"],
    }


def _country(code: str, name: str) -> dict[str, Any]:
    lines = referral.helplines(code)[:-1]
    numbers = []
    for piece in re.split(r"[,/()]| or ", referral.emergency_number(code)):
        if found := re.search(r"\d+", piece):
            service = piece.replace(found[0], "").strip()
            numbers.append({"label": f"{found[0]} ({service})" if service else found[0], "href": f"tel:{found[0]}"})
    sure = any(line.confidence == "high" for line in lines)
    return {"name": name, "emergency": numbers, "sure": sure, "lines": [_line(line) for line in lines]}


def _line(line: referral.Helpline) -> dict[str, Any]:
    w, acts, also = words()["helplines"], [], []
    if link := referral.tel_link(line.phone):
        acts.append({"kind": "call", "label": re.split(r" / | or ", line.phone or "")[0], "href": link})
    if link := referral.sms_link(line.text):
        acts.append({"kind": "sms", "label": line.text, "href": link})
    elif line.text:
        also.append(line.text)
    if line.chat:
        acts.append({"kind": "chat", "label": "", "href": line.chat})
    elif line.url:
        acts.append({"kind": "site", "label": "", "href": line.url})
    hours = w["around"] if line.hours == "24/7" else w["hours"].format(line.hours) if line.hours else w["ask_hours"]
    return {"name": line.name, "category": line.category, "about": " · ".join([hours, *also]), "acts": acts}

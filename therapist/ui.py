"""The page as Gradio sees it: a gr.Blocks around a conversation, and the public functions of `api` as named endpoints.

What has to work without the server (help, notice, exercises, whatever is kept on the person's device) is in
`data/page.js` and `data/page/`; `page.py` gives it words and data. Text of people and models reaches the browser as
text, never as markup.
"""

import inspect
import logging
import threading
from collections.abc import Callable, Generator, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import asdict
from functools import wraps
from typing import Any

import gradio as gr
from gradio.context import LocalContext
from starlette.middleware import Middleware
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from therapist import page, web
from therapist.api import (
    ENDPOINTS,
    MAX_CHARS,
    MAX_WAITING,
    SPARE,
    Api,
    caller,
    checked_history,
    checked_language,
    checked_text,
    spoken,
    text_of,
)
from therapist.errors import BusyError, InputError
from therapist.pipeline import Reply, Therapist
from therapist.risk import assess
from therapist.text import clean

log = logging.getLogger(__name__)
FORGET_S = 600
"How long a closed page can be returned to, as when a phone wakes up, before its conversation leaves the memory."
POLICY = (
    "default-src 'self'; script-src 'self' 'unsafe-inline' 'unsafe-eval'; style-src 'self' 'unsafe-inline'; "
    "img-src 'self' data: blob:; font-src 'self' data:; frame-src 'none'; object-src 'none'; form-action 'none'; "
    "frame-ancestors *"
)
# Gradio needs inline scripts and eval; nothing may come from another host. Any page may frame this one: it has no
# account and no secret that a click could be stolen for.
Leaving = dict[str, threading.Event]
"By session: what is set when the page is closed."
NOT_SAID = ("waking", "busy", "failed")
"Words of the page that stand in a conversation and are no part of it."


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


def build(therapist: Therapist, api: Api | None = None) -> gr.Blocks:
    """The page of a therapist, ready to launch with `launch_options`. Its `api` shares the seats with other roads."""
    api, leaving = api or Api(therapist), Leaving()
    title = page.words(therapist.settings.language)["title"]
    with gr.Blocks(title=title, analytics_enabled=False, fill_height=True) as demo:
        _conversation(therapist, api, leaving)
        for name in ENDPOINTS:
            gr.api(_public(getattr(api, name)), api_name=name, concurrency_limit=None)
        demo.unload(_forget_later(demo, leaving))
    return demo.queue(max_size=64, api_open=False)


def launch_options(therapist: Therapist) -> dict[str, Any]:
    """How the page is served: nothing recorded, nothing shared, nothing fetched from elsewhere."""
    return {
        "head": page.head(therapist.settings),
        "theme": gr.themes.Base(font=["system-ui", "sans-serif"], font_mono=["ui-monospace", "monospace"]),
        "run_history": False,
        "enable_monitoring": False,
        "footer_links": [],
        "show_error": False,
        "state_session_capacity": 500,
        "max_threads": MAX_WAITING + SPARE,
        "share": False,
        "pwa": False,
        "ssr_mode": False,
        "mcp_server": False,
        "app_kwargs": {
            "middleware": [Middleware(_guarded)],
            "openapi_url": None,
            "routes": page.routes(therapist.settings),
        },
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
    w = page.words(therapist.settings.language)
    chatbot = gr.Chatbot(
        label=w["conversation"], show_label=False, container=False, scale=1, height=None, min_height=0, buttons=[],
        elem_id="talk", placeholder="<div class='q-first'></div>",
        allow_tags=False, latex_delimiters=[], render_markdown=False, sanitize_html=True,
    )  # fmt: skip
    chatbot.postprocess = _plain(chatbot.postprocess)  # ty: ignore[invalid-assignment]
    place = gr.HTML(value={"country": "", "language": ""}, html_template="", elem_classes="q-none",
                    js_on_load="window.quiet.place(props)")  # fmt: skip
    after = gr.HTML(value={}, html_template="<div class='q-after'></div>", elem_id="after", apply_default_css=False,
                    server_functions=[_explain(api), _hand_off(api)],
                    js_on_load="window.quiet.talk(element, props, trigger, watch, server) /* 'click' */")  # fmt: skip
    chat = gr.ChatInterface(
        _talk(therapist, api, leaving), chatbot=chatbot, textbox=_textbox(w), additional_inputs=[place],
        additional_outputs=[after], cache_examples=False, fill_height=True,
        api_name="ui", api_visibility="private", flagging_mode="never", save_history=False, show_progress="hidden",
        concurrency_limit=None, analytics_enabled=False, autofocus=False,
    )  # fmt: skip
    # What the page shows is the talk: this replica's own memory of it is empty when the one before has died.
    chat.textbox.submit(lambda shown: shown, chatbot, chat.chatbot_state, queue=False, api_visibility="private",
                        show_progress="hidden")  # fmt: skip
    _move_under(chat.chatbot, after)
    gr.HTML("", js_on_load="window.quiet.foot(element)", elem_id="foot", apply_default_css=False)
    after.click(_act, [after, chatbot, place], [chatbot, chat.chatbot_state, chat.chatbot_value, after],
                queue=False, api_visibility="private", show_progress="hidden")  # fmt: skip


def _move_under(above: gr.Chatbot, block: gr.HTML) -> None:
    """Between the conversation and the field there is no place that ChatInterface would offer."""
    column = above.parent
    assert column is not None
    block.unrender()
    with column:
        block.render()
    column.children.insert(column.children.index(above) + 1, column.children.pop())


def _textbox(w: Mapping[str, Any]) -> gr.Textbox:
    hints = gr.InputHTMLAttributes(autocomplete="off", enterkeyhint="send", spellcheck=True)
    return gr.Textbox(label=w["message"], placeholder=w["placeholder"], lines=1, max_lines=6, max_length=MAX_CHARS * 3,
                      submit_btn=w["send"], stop_btn=w["stop"], autofocus=False, html_attributes=hints, container=False,
                      elem_id="message", scale=7)  # fmt: skip


def _talk(therapist: Therapist, api: Api, leaving: Leaving) -> Callable[..., Iterator[tuple[str, Any]]]:
    """The function behind the conversation: the whole text so far, and what stands below it."""

    def talk(message: str, history: list[dict], place: Any, request: gr.Request) -> Iterator[tuple[str, Any]]:
        place = place if isinstance(place, dict) else {}
        w = page.words(_language(place))
        turns = _said_turns(history)
        number = {"turn": len(turns)}  # tells the page that this is news, even where it says the same as before
        caller.set(_address())
        try:
            if not therapist.ready:
                plainly = assess(checked_text(message, "message"), checked_history(turns))
                if plainly.level != "crisis":
                    yield w["waking"], gr.skip()
            card = place.get("remember"), w["remember"]["acknowledged"]
            left = leaving.setdefault(str(request.session_hash), threading.Event())
            reply = api.reply(message, turns, place.get("country"), _language(place), card=card, cancel=left)
        except InputError:
            size = len(message.strip()) if isinstance(message, str) else 0
            yield w["too_long"].format(f"{size:,}") if size > MAX_CHARS else w["empty"], number
        except BusyError:
            yield w["busy"], number
        except Exception as error:
            log.error("No answer could be given: %s.", type(error).__name__)
            yield w["failed"], number
        else:
            shown = page.evidence(reply, w["language"])
            offer = api.offer(reply, message, turns)
            after = {**shown, **number, "offer": offer, "limited": bool(therapist.limited)}
            if place.get("blind") and (pair := page.blind(reply)):
                yield w["feedback"]["choose"], {**after, "chosen": None, "blind": pair}
            else:
                yield from _said(reply, after)

    return talk


def _language(place: Mapping[str, Any]) -> str | None:
    """The page's language as the browser says it; None when it says nothing that could be one."""
    try:
        return checked_language(place.get("language"))
    except InputError:
        return None


def _said_turns(history: Sequence[Any]) -> list[Any]:
    """A conversation without what the page only told about itself."""
    tables = [page.words(code) for code in page.languages()]
    notes = {w[name] for w in tables for name in NOT_SAID} | {w["feedback"]["choose"] for w in tables}
    return [t for t in history if text_of(t.get("content")) not in notes]


def _said(reply: Reply, after: dict[str, Any]) -> Iterator[tuple[str, Any]]:
    """The chosen text word by word, a crisis text at once."""
    for text in spoken(reply.text, reply.route):
        yield text, after if text == reply.text else gr.skip()


def _act(after: Any, messages: list[dict], place: Any, event: gr.EventData) -> tuple[Any, ...]:
    """What a person does with a conversation besides writing: another candidate, a question, undo, an end."""
    asked, after = event._data or {}, after if isinstance(after, dict) else {}
    act = ACTS.get(asked.get("act", ""))
    if act:
        w = page.words(_language(place) if isinstance(place, dict) else None)
        messages, after = act(messages, after, w, asked)
    return messages, messages, messages, after


Acted = tuple[list[dict], dict]
REST = {"route": "rest", "candidates": [], "chosen": None}
"What stands under a conversation whose last words came from nobody's choice."


def _say_instead(messages: list[dict], after: dict, w: Mapping[str, Any], asked: dict) -> Acted:
    """Put another candidate that qualifies in the place of the one that was said, or of the choice between two."""
    index, shown = asked.get("index"), after.get("candidates") or []
    if not (isinstance(index, int) and 0 <= index < len(shown) and messages and messages[-1]["role"] == "assistant"):
        return messages, after
    said, chosen = clean(text_of(messages[-1]["content"])), after.get("chosen")
    if not shown[index]["qualifies"] or (chosen is None and "blind" not in after):
        return messages, after
    text = shown[index]["text"]
    said = text if chosen is None else said.replace(shown[chosen]["text"], text, 1)
    kept = {key: value for key, value in after.items() if key != "blind"}
    return [*messages[:-1], {"role": "assistant", "content": said}], {**kept, "chosen": index}


def _wrong(messages: list[dict], after: dict, w: Mapping[str, Any], asked: dict) -> Acted:
    """The next candidate that qualifies and was not said yet; a written question when there is none."""
    tried = {*after.get("tried", []), after.get("chosen")}
    left = [i for i, c in enumerate(after.get("candidates") or []) if c["qualifies"] and i not in tried]
    if after.get("chosen") is None or not left:
        return _answered(messages, w["quick"]["wrong"], w["quick"]["missed"])
    messages, after = _say_instead(messages, after, w, {"index": left[0]})
    return messages, {**after, "tried": [i for i in tried if i is not None]}


def _more(messages: list[dict], after: dict, w: Mapping[str, Any], asked: dict) -> Acted:
    return _answered(messages, w["quick"]["more"], w["quick"]["questions"])


def _done(messages: list[dict], after: dict, w: Mapping[str, Any], asked: dict) -> Acted:
    messages, after = _answered(messages, w["quick"]["done"], w["quick"]["closing"])
    return messages, {**after, "route": "closed"}


def _answered(messages: list[dict], said: str, variants: Sequence[str]) -> Acted:
    """A choice of the person and a written answer, one that was not given yet where there is one."""
    given = [clean(text_of(m["content"])) for m in messages]
    answer = min(variants, key=given.count)
    turns = [{"role": "user", "content": said}, {"role": "assistant", "content": answer}]
    return [*messages, *turns], REST


def _undo(messages: list[dict], after: dict, w: Mapping[str, Any], asked: dict) -> Acted:
    """Everything from the person's last message on is gone."""
    last = max((i for i, m in enumerate(messages) if m["role"] == "user"), default=0)
    return messages[:last], REST if last else {}


def _again(messages: list[dict], after: dict, w: Mapping[str, Any], asked: dict) -> Acted:
    return [], {}


def _open(messages: list[dict], after: dict, w: Mapping[str, Any], asked: dict) -> Acted:
    """A talk that the person kept on their device."""
    try:
        turns = checked_history(asked.get("turns"))
    except InputError:
        return messages, after
    return [dict(turn) for turn in turns], REST if turns else {}


ACTS: dict[str, Callable[[list[dict], dict, Mapping[str, Any], dict], Acted]] = {
    "say": _say_instead, "wrong": _wrong, "more": _more, "done": _done, "undo": _undo, "again": _again, "open": _open,
}  # fmt: skip


def _asked(answer: Callable[[dict], dict]) -> Callable[[dict], dict]:
    """A question of the page's script to the server; where there is no answer, `error` says so."""

    @wraps(answer)
    def asked(question: Any) -> dict:
        try:
            return answer(question if isinstance(question, dict) else {})
        except (InputError, BusyError) as error:
            return {"error": str(error)}
        except Exception as error:
            log.error("A question of the page found no answer: %s.", type(error).__name__)
            return {"error": "failed"}

    return asked


def _explain(api: Api) -> Callable[[dict], dict]:
    def explain(question: dict) -> dict:
        return {"words": api.explain(question.get("statement"), question.get("reply"))}

    return _asked(explain)


def _hand_off(api: Api) -> Callable[[dict], dict]:
    def hand_off(question: dict) -> dict:
        return asdict(api.hand_off(question.get("turns"), _language(question)))

    return _asked(hand_off)


def _public(function: Callable[..., Any]) -> Callable[..., Any]:
    """A function as an endpoint: bad input becomes a sentence, without a traceback."""

    @contextmanager
    def refusing() -> Generator[None]:
        caller.set(_address())
        try:
            yield
        except (InputError, BusyError) as error:
            raise gr.Error(str(error), print_exception=False) from None

    @wraps(function)
    def checked(*args: Any, **kwargs: Any) -> Any:
        with refusing():
            return function(*args, **kwargs)

    @wraps(function)
    def streamed(*args: Any, **kwargs: Any) -> Any:
        with refusing():
            yield from function(*args, **kwargs)

    return streamed if inspect.isgeneratorfunction(function) else checked


def _address() -> str:
    """Who asks, as Gradio knows it during an event."""
    request = LocalContext.request.get(None)
    return web.address(request.headers, request.client.host if request.client else "") if request else ""


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

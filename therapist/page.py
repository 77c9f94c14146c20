"""What the page is made of besides Gradio: words in every language, styles, scripts, helplines for the browser.

Also the view of a reply's evidence, and the files by which the page installs on a device and shows help offline.
"""

import hashlib
import html
import json
import random
import re
from dataclasses import asdict
from functools import cache
from pathlib import Path
from typing import Any

from starlette.requests import Request
from starlette.responses import FileResponse, HTMLResponse, JSONResponse, Response
from starlette.routing import Route

from therapist import exercises, referral
from therapist.pipeline import WRITTEN, Reply
from therapist.settings import EMBEDDED, Settings

DATA = Path(__file__).parent / "data"
NOTICE_VERSION = "2"
"Raised when the notice changes, so that everybody sees it again."
SCRIPTS = ("talk", "why", "menu", "mood", "memory", "handoff", "feedback", "reminder")
"Files of `data/page`, in the order in which they build on each other, after `page.js`."
TABLES = ("page", "exercises", "handoff", "reasons")
"What a language of the page has in its folder."
ICONS = (180, 192, 512)
COLOURS = {"light": "#f6f3ec", "dark": "#12191b"}
"The paper of `page.css`, for the frame that a phone draws around an installed page."


@cache
def words(language: str | None = "en", name: str = "page") -> dict[str, Any]:
    """A table of words; whatever a language does not have is English, key by key."""
    english = json.loads((DATA / "en" / f"{name}.json").read_text(encoding="utf-8"))
    path = DATA / (spoken(language) or "en") / f"{name}.json"
    return _over(english, json.loads(path.read_text(encoding="utf-8")) if path.exists() else {})


def _over(english: Any, own: Any) -> Any:
    if isinstance(english, dict) and isinstance(own, dict):
        return {key: _over(english.get(key), own.get(key)) for key in {**english, **own}}
    return english if own is None else own


@cache
def languages() -> tuple[str, ...]:
    """The languages of the page, English first: every folder that has a `page.json`."""
    return tuple(sorted((p.parent.name for p in DATA.glob("*/page.json")), key=lambda code: (code != "en", code)))


def spoken(language: str | None) -> str | None:
    """The language of the page for a BCP 47 code, such as pt for pt-BR; None when the page does not speak it."""
    found = (language or "", (language or "").split("-")[0])
    return next((code for code in found if code in languages()), None)


def missing(language: str) -> list[str]:
    """What a language has not translated of `TABLES`, as paths such as `page.menu.open`."""
    english, own = ({name: given(code, name) for name in TABLES} for code in ("en", language))
    return [path for path in _paths(english) if path not in set(_paths(own))]


def given(language: str, name: str) -> dict[str, Any]:
    """A table as a language's folder gives it; of the English exercises only what a language has to give."""
    if (language, name) == ("en", "exercises"):
        return exercises.translatable()
    path = DATA / language / f"{name}.json"
    return json.loads(path.read_text(encoding="utf-8")) if path.exists() else {}


def _paths(table: dict[str, Any], above: str = "") -> list[str]:
    found = []
    for key, value in table.items():
        found += _paths(value, f"{above}{key}.") if isinstance(value, dict) else [f"{above}{key}"]
    return found


def disclosed(table: dict[str, Any], remote: bool) -> dict[str, Any]:
    """The words of the page where they say who reads along: another server does, if the operator has named one."""
    if not remote:
        return table
    first, notice = table["first"], table["notice"]
    own = table["remote"]
    return {**table, "first": {**first, "lines": own["lines"]}, "notice": {**notice, "points": own["points"]}}


def head(settings: Settings, offline: bool = False) -> str:
    """Styles, data and scripts of the page, in this order."""
    remote, language = bool(settings.base_url), spoken(settings.language) or "en"
    data = {
        "languages": {code: disclosed(words(code), remote) for code in languages()},
        "language": language,
        "helplines": helplines(),
        "guides": {language: guide(language)},
        "country": settings.country,
        "version": NOTICE_VERSION + ("-remote" if remote else ""),
        "offline": offline,
    }
    style = _read("page.css") + _read("exercises.css")
    script = "\n".join([_read("exercises.js"), _read("page.js"), *(_read(f"page/{name}.js") for name in SCRIPTS)])
    safe = json.dumps(data, ensure_ascii=False, separators=(",", ":")).replace("<", "\\u003c")
    links = (
        '<link rel="manifest" href="manifest.webmanifest"><link rel="apple-touch-icon" href="icon-180.png">'
        f'<meta name="theme-color" media="(prefers-color-scheme: light)" content="{COLOURS["light"]}">'
        f'<meta name="theme-color" media="(prefers-color-scheme: dark)" content="{COLOURS["dark"]}">'
    )
    return f"{links}<style>{style}</style><script>window.quietData = {safe};{script}</script>"


def _read(name: str) -> str:
    return (DATA / name).read_text(encoding="utf-8")


def guide(language: str) -> dict[str, Any]:
    """The exercises of a language and the words around them, for the browser; English where it has none."""
    known = exercises.exercises(language)
    return {
        "language": known[0].language,
        "words": exercises.words(language),
        "exercises": [asdict(exercise) for exercise in known],
    }


def helplines() -> dict[str, Any]:
    """Every country's lines with their links, for the browser: help must not need the server."""
    table = words(name="referral")
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
    acts, also = [], []
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
    return {"name": line.name, "category": line.category, "hours": line.hours or "", "also": also, "acts": acts}


def evidence(reply: Reply, language: str | None = None) -> dict[str, Any]:
    """What the page shows under a reply: the choice with plain reasons, and what to offer beside it."""
    reasons, why = words(language, "reasons"), words(language)["why"]
    names = why["parts_names"]
    asked = exercises.told(reply.text)
    chosen = next((i for i, c in enumerate(reply.candidates) if c.qualifies and c.text in reply.text), None)
    return {
        "route": reply.route,
        "kind": reply.risk.kind or "",
        "lines": reply.route in ("crisis", "referral"),
        "exercise": asked.id if asked else "",
        "chosen": chosen,
        "seconds": f"{reply.seconds:.1f}",
        "model": {WRITTEN: "", EMBEDDED: why["model_embedded"]}.get(reply.model, reply.model),
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


def blind(reply: Reply) -> list[int]:
    """The chosen candidate and one other that qualifies, in a random order, for a person to choose from; [] where none
    does. Never beside a check-in: what asks about danger must not wait for a choice.
    """
    others = [i for i, c in enumerate(reply.candidates) if c.qualifies and i]
    if reply.route != "reply" or reply.risk.level != "none" or not others:
        return []
    return random.sample([0, random.choice(others)], 2)


def routes(settings: Settings) -> list[Route]:
    """What the page fetches: a language's exercises, and what makes it an app on a device: manifest, icons, service
    worker, and help offline.
    """
    language = spoken(settings.language) or "en"

    def manifest(_: Request) -> Response:
        return JSONResponse(_manifest(language), media_type="application/manifest+json")

    help_page = _offline(settings, language)
    guides = {code: guide(code) for code in languages()}
    state = hashlib.sha256((help_page + json.dumps(guides)).encode()).hexdigest()
    script = (
        _read("page/worker.js").replace("quiet-help", f"quiet-{state[:12]}").replace("quiet-codes", " ".join(guides))
    )

    def offline(_: Request) -> Response:
        return HTMLResponse(help_page)

    def worker(_: Request) -> Response:
        return Response(script, media_type="text/javascript", headers={"Cache-Control": "no-cache"})

    def guided(request: Request) -> Response:
        found = guides.get(request.path_params["language"])
        return JSONResponse(found) if found else Response(status_code=404)

    def icon(request: Request) -> Response:
        return FileResponse(DATA / "page" / request.url.path.rpartition("/")[2])

    return [
        Route("/manifest.webmanifest", manifest),
        Route("/manifest.json", manifest),  # Gradio's own link, which a browser reads first
        Route("/offline", offline),
        Route("/worker.js", worker),
        Route("/guide/{language}.json", guided),
        *(Route(f"/icon-{size}.png", icon, name=str(size)) for size in ICONS),
    ]


def _manifest(language: str) -> dict[str, Any]:
    w = words(language)
    sizes = ((192, "any"), (512, "any"), (512, "maskable"))
    return {
        "id": "./", "start_url": "./", "scope": "./", "display": "standalone",
        "name": w["title"], "short_name": w["name"], "description": w["first"]["lines"][0],
        "lang": w["language"], "dir": w["direction"], "categories": ["health", "lifestyle"],
        "background_color": COLOURS["light"], "theme_color": COLOURS["light"],
        "icons": [
            {"src": f"icon-{size}.png", "sizes": f"{size}x{size}", "type": "image/png", "purpose": purpose}
            for size, purpose in sizes
        ],
    }  # fmt: skip


def _offline(settings: Settings, language: str) -> str:
    w = words(language)
    return (
        f'<!doctype html><html lang="{w["language"]}" dir="{w["direction"]}"><head><meta charset="utf-8">'
        '<meta name="viewport" content="width=device-width, initial-scale=1">'
        f"<title>{html.escape(w['title'])}</title>{head(settings, offline=True)}</head><body></body></html>"
    )

"""Whole visits, walked in a real browser: what a person does from the first tap on, and what they find the next day."""

import json
import shutil
import threading
from collections.abc import Iterator
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer

import pytest
from conftest import Drafted, Visit, free_port, running_app

from train import preferences

OPEN = ".q-sheet:not([hidden])"
SHEETS = ("menu", "mood", "remember", "talks", "card", "feedback", "place", "install", "help", "youth")
ARABIC = {
    "language": "ar", "direction": "rtl", "language_name": "العربية", "name": "ساعة هدوء", "help": "مساعدة الآن",
    "breathe": "تنفّس", "send": "أرسل", "message": "رسالتك", "placeholder": "اكتب ما يشغل بالك",
    "first": {"heading": "ما الذي يشغل بالك؟"}, "notice": {"accept": "عمري 18 عامًا أو أكثر. ابدأ"},
    "menu": {"open": "القائمة"}, "quick": {"done": "يكفيني اليوم"},
}  # fmt: skip
"For the test alone, and only until translators have written the real one."


@pytest.fixture(scope="module")
def axe(root) -> str:
    return (root / "tests/js/node_modules/axe-core/axe.min.js").read_text(encoding="utf-8")


@pytest.fixture
def phone(browser, drafted) -> Iterator[Visit]:
    opened = Visit(browser, drafted.url)
    yield opened
    opened.context.close()


def violations(visit: Visit, axe: str) -> list[str]:
    until(visit, "document.title")
    visit.page.evaluate(axe)
    found = visit.page.evaluate("axe.run(document, {resultTypes: ['violations']})")["violations"]
    return [f"{v['id']}: {v['nodes'][0]['html'][:200]}" for v in found]


def show(visit: Visit, name: str) -> None:
    visit.page.evaluate("name => name === 'card' ? quiet.openCard() : quiet.show(name)", name)
    visit.page.locator(f"#q-{name}").wait_for()


def tap(visit: Visit, name: str, within: str = "body") -> None:
    visit.page.locator(within).get_by_role("button", name=name, exact=True).click()


def said(visit: Visit) -> list[str]:
    return visit.page.evaluate("quiet.turns().map(t => t.content)")


def until(visit: Visit, script: str, argument: object = None) -> None:
    visit.page.wait_for_function(script, arg=argument)


def fits(visit: Visit) -> bool:
    return visit.page.evaluate("document.documentElement.scrollWidth <= innerWidth")


def in_sight(visit: Visit, name: str) -> bool:
    box, size = visit.page.get_by_role("button", name=name).bounding_box(), visit.page.viewport_size
    return box["x"] >= 0 and box["y"] >= 0 and box["x"] + box["width"] <= size["width"] and box["height"] >= 40


# first visit


def test_a_first_visit_from_the_notice_to_a_kind_close(phone, drafted):
    assert phone.page.locator("#q-notice").get_by_label("Country").input_value() == "GB"
    phone.begin()
    assert phone.page.locator(".q-examples button").count() == 4
    assert "temperature" not in phone.page.locator("body").inner_text().lower()
    field = phone.page.locator("#message textarea")
    top = field.bounding_box()["y"]
    phone.say(drafted.statement)
    phone.answer()
    assert abs(field.bounding_box()["y"] - top) < 2, "the field jumped"
    tap(phone, "Ask me more")
    until(phone, "quiet.turns().length === 4")
    tap(phone, "I'm done for today")
    until(phone, "quiet.turns().length === 6")
    assert "come back" in said(phone)[-1]
    assert phone.page.locator(".q-quick button").all_inner_texts() == ["A card to take along"]


def test_an_example_is_said_with_one_tap(phone):
    phone.begin()
    tap(phone, "I feel low today and I can't say why.")
    phone.answer()
    assert said(phone)[0] == "I feel low today and I can't say why."


def test_that_is_not_it_puts_in_the_next_candidate_and_then_asks(phone, drafted):
    phone.begin().say(drafted.statement)
    first = phone.answer()
    tap(phone, "That's not it")
    until(phone, "first => quiet.turns()[1].content !== first", first)
    assert {first, said(phone)[1]} == set(drafted.replies)
    tap(phone, "That's not it")
    until(phone, "quiet.turns().length === 4")
    assert said(phone)[-1].endswith("?")


def test_a_message_can_be_taken_back_and_written_anew(phone, drafted):
    phone.begin().say("I feel low today.")
    phone.answer()
    tap(phone, "Edit my last message")
    until(phone, "document.querySelector('#message textarea').value === 'I feel low today.' && !quiet.turns().length")
    phone.say(drafted.statement)
    until(phone, "quiet.turns().length === 2 && document.querySelector('.q-why')")
    tap(phone, "Undo: take my last message and its answer back")
    until(phone, "!quiet.turns().length")
    assert phone.page.locator("#message textarea").input_value() == ""


def test_a_line_says_what_goes_on_while_it_thinks(phone, drafted):
    phone.begin().say(drafted.statement)
    until(phone, "document.querySelector('.q-pending').textContent.length > 5")
    phone.answer()
    until(phone, "!document.querySelector('.q-pending').textContent")


def test_enter_sends_with_a_keyboard_and_begins_a_line_on_a_phone(browser, drafted):
    desk = Visit(browser, drafted.url, viewport={"width": 1280, "height": 800}).begin()
    field = desk.page.get_by_role("textbox", name="Your message")
    field.press_sequentially("one")
    field.press("Shift+Enter")
    field.press_sequentially("two")
    field.press("Enter")
    desk.answer()
    assert said(desk)[0] == "one\ntwo"
    desk.context.close()
    touch = Visit(browser, drafted.url, has_touch=True, is_mobile=True).begin()
    field = touch.page.get_by_role("textbox", name="Your message")
    field.press_sequentially("one")
    field.press("Enter")
    field.press_sequentially("two")
    assert field.input_value() == "one\ntwo" and said(touch) == []
    tap(touch, "Send")
    touch.answer()
    assert said(touch)[0] == "one\ntwo"
    touch.context.close()


def test_the_words_that_shaped_a_reply_are_shaded_on_request(phone, drafted):
    phone.begin().say(drafted.statement)
    phone.answer()
    phone.page.get_by_text("Why this reply?").click()
    tap(phone, "Which of my words shaped it?")
    shaded = phone.page.locator(".q-shaded")
    shaded.wait_for()
    assert shaded.inner_text().split() == drafted.statement.split()
    assert "seconds" in phone.page.locator(".q-whybody").inner_text()


# panic, and a crisis


def test_panic_opens_an_exercise_that_can_be_left_at_any_moment(phone):
    phone.begin().say("I think I'm having a panic attack, please help me")
    phone.page.locator(OPEN).wait_for()
    phone.page.keyboard.press("Escape")
    assert phone.page.locator(OPEN).count() == 0
    assert in_sight(phone, "Get help now")
    assert len(phone.answer()) > 10


@pytest.mark.parametrize("width", [320, 390])
def test_a_crisis_on_a_phone_shows_people_and_little_else(browser, drafted, axe, width):
    visit = Visit(browser, drafted.url, viewport={"width": width, "height": 640}).begin()
    visit.say("I want to kill myself")
    assert "116 123" in visit.answer()
    assert visit.page.locator(".q-card a[href='tel:116123']").is_visible()
    assert visit.page.locator(".q-quick button").all_inner_texts() == ["Write to somebody I trust"]
    assert in_sight(visit, "Get help now") and fits(visit)
    assert violations(visit, axe) == []
    tap(visit, "Write to somebody I trust")
    assert "116 123" in visit.page.locator("#q-card-trusted").input_value()
    visit.context.close()


# referral to hand-off card


def test_a_referral_leads_to_a_card_in_the_persons_own_sentences(phone, drafted, tmp_path):
    told = ["I can't sleep since my dad died in May. Talking to my sister helps a bit.", drafted.hopeless]
    phone.begin()
    for number, text in enumerate(told, 1):
        phone.say(text)
        phone.answer(number)
        until(phone, "n => quiet.turns().length === n && document.querySelector('.q-quick')", 2 * number)
    show(phone, "mood")
    phone.page.locator("#q-mood-now").fill("3")
    tap(phone, "Keep it on this device")
    tap(phone, "Close", "#q-mood")
    tap(phone, "A card to take along", ".q-quick")
    card = phone.page.locator("#q-card")
    until(phone, "document.querySelector('#q-card-about').value.length > 10")
    about = card.get_by_label("What I have been dealing with").input_value().split("\n")
    assert about and all(any(line in text for text in told) for line in about)
    assert card.get_by_label("Since when").input_value() == "I can't sleep since my dad died in May."
    assert card.get_by_label("What helped").input_value() == "Talking to my sister helps a bit."
    assert "3" in card.get_by_label("My mood").input_value()
    assert card.get_by_label("Who could help").input_value()
    assert "116 123" in card.get_by_label("Where I can call").input_value()
    card.get_by_label("What I want to ask").fill("Is it normal?")
    with phone.page.expect_download() as download:
        tap(phone, "Download", "#q-card")
    text = download.value.path().read_text(encoding="utf-8")
    assert text.startswith("# A card") and "- Is it normal?" in text and "since my dad died" in text
    phone.page.evaluate(
        "() => { window.print = () => { window.printed = document.querySelector('.q-print').textContent } }"
    )
    tap(phone, "Print or save as PDF", "#q-card")
    assert "Is it normal?" in phone.page.evaluate("window.printed")
    phone.page.emulate_media(media="print")
    assert phone.page.locator(".q-print").is_visible() and not card.is_visible()


# what is kept, and the next day


def test_the_card_of_what_to_remember_goes_along_only_while_it_is_wanted(phone, drafted):
    phone.begin()
    show(phone, "remember")
    phone.page.get_by_label("Please remember").fill("My name is Wren.")
    tap(phone, "Save", "#q-remember")
    tap(phone, "Close", "#q-remember")
    phone.say(drafted.statement)
    phone.answer()
    assert "My name is Wren." in json.dumps(drafted.asked[-1])
    assert "Wren" not in " ".join(said(phone))
    show(phone, "remember")
    phone.page.get_by_label("Send it along").uncheck()
    tap(phone, "Save", "#q-remember")
    tap(phone, "Close", "#q-remember")
    tap(phone, "Start over")
    until(phone, "!quiet.turns().length")
    phone.say(drafted.statement)
    phone.answer()
    assert "Wren" not in json.dumps(drafted.asked[-1])


def test_a_talk_that_was_kept_is_there_the_next_day_and_gone_when_forgotten(browser, tmp_path):
    port = free_port()
    with running_app(tmp_path / "one", ready=False, port=port) as url:
        visit = Visit(browser, url).begin()
        visit.say("hey")
        visit.answer()
        talked = said(visit)
        show(visit, "talks")
        tap(visit, "Keep this talk")
        visit.page.get_by_label("Name of this talk").fill("Monday")
        visit.page.get_by_label("Name of this talk").press("Tab")
    with running_app(tmp_path / "two", ready=False, port=port):
        visit.page.reload()
        visit.page.get_by_role("button", name="Go on with an earlier talk: Monday").click()
        until(visit, "quiet.turns().length === 2")
        assert said(visit) == talked
        show(visit, "talks")
        with visit.page.expect_download() as download:
            tap(visit, "Download as text")
        assert "# Monday" in download.value.path().read_text(encoding="utf-8")
        with visit.page.expect_download() as download:
            tap(visit, "Download as data (JSON)")
        assert [t["content"] for t in json.loads(download.value.path().read_text("utf-8"))["turns"]] == talked
        tap(visit, "Close", "#q-talks")
        tap(visit, "Menu")
        visit.page.get_by_role("button", name="Forget everything").click()
        assert visit.page.evaluate("JSON.stringify([localStorage.length, sessionStorage.length])") == "[0,0]"
        until(visit, "!quiet.turns().length")
    visit.context.close()


def test_what_this_is_is_said_again_after_twenty_messages_three_hours_and_on_return(phone):
    notice = phone.page.locator("#q-reminder")
    phone.begin()
    for number in range(1, 21):
        assert not notice.is_visible()
        phone.say("hey")
        phone.answer(number)
        until(phone, "n => quiet.turns().length === 2 * n", number)
    notice.wait_for()
    assert "computer program" in notice.inner_text() and "not therapy" in notice.inner_text()
    phone.say("hey")
    phone.answer(21)
    notice.wait_for(state="hidden")
    phone.page.evaluate("() => { const now = Date.now; Date.now = () => now() + 3 * 3600e3 }")
    phone.say("hey")
    phone.answer(22)
    notice.wait_for()
    show(phone, "talks")
    tap(phone, "Keep this talk")
    phone.page.reload()
    phone.page.get_by_role("button", name="Go on with an earlier talk").click()
    until(phone, "quiet.turns().length > 20")
    notice.wait_for()


def test_nothing_is_kept_of_a_talk_check_in_or_choice_unless_it_is_asked_for(phone, drafted):
    phone.begin().say(drafted.statement)
    phone.answer()
    show(phone, "mood")
    phone.page.locator("#q-mood-now").fill("2")
    show(phone, "card")
    assert sorted(k for k in phone.page.evaluate("Object.keys(localStorage)") if k.startswith("quiet")) == [
        "quiet.notice"
    ]


def test_a_blind_choice_is_said_and_kept_for_the_next_training(phone, drafted):
    phone.begin()
    show(phone, "feedback")
    phone.page.get_by_label("Let me choose between two replies").check()
    tap(phone, "Close", "#q-feedback")
    phone.say(drafted.statement)
    options = phone.page.locator(".q-option")
    options.first.wait_for()
    assert {t.text_content() for t in options.locator("p").all()} == set(drafted.replies)
    assert phone.page.locator(".q-why").count() == 0, "it would show which one is preferred"
    taken = options.nth(1).locator("p").text_content()
    tap(phone, "This one: Reply B")
    until(phone, "text => quiet.turns().pop().content === text", taken)
    show(phone, "feedback")
    with phone.page.expect_download() as download:
        tap(phone, "Download my choices")
    row = json.loads(download.value.path().read_text(encoding="utf-8"))
    read = preferences.read([download.value.path()])
    assert {r["reply"]: r["judgement"] for r in read} == {row["chosen"]: "say", row["rejected"]: "acceptable"}
    assert preferences.won([download.value.path()])["blind choices"] == 1
    assert (row["statement"], row["chosen"]) == (drafted.statement, taken)
    assert {row["chosen"], row["rejected"]} == set(drafted.replies) and row["history"] == []


# everybody, everywhere


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_axe_finds_nothing_in_any_state(browser, drafted: Drafted, axe, scheme):
    visit = Visit(browser, drafted.url, color_scheme=scheme)
    found = {"notice": violations(visit, axe)}
    visit.begin()
    visit.page.locator(".q-examples").wait_for()
    found["first"] = violations(visit, axe)
    visit.say(drafted.statement)
    visit.answer()
    found["reply"] = violations(visit, axe)
    visit.page.get_by_text("Why this reply?").click()
    tap(visit, "Which of my words shaped it?")
    visit.page.locator(".q-shaded").wait_for()
    found["why"] = violations(visit, axe)
    visit.page.evaluate(
        "localStorage.setItem('quiet.mood', JSON.stringify([3, 5].map(mood => ({at: '2026-01-01T00:00', mood}))))"
    )
    visit.page.evaluate("quiet.show('talks'); document.querySelector('#q-talks-keep').click(); quiet.redraw()")
    for name in SHEETS:
        show(visit, name)
        found[name] = violations(visit, axe)
        assert not {"undefined", "null", "{}"} & set(visit.page.locator(OPEN).inner_text().split()), name
    assert {name: found[name] for name in found if found[name]} == {}
    visit.context.close()


@pytest.mark.parametrize("width, height, letters", [(320, 568, 100), (640, 400, 100), (1280, 800, 200)])
def test_nothing_is_cut_off_on_a_narrow_screen_when_zoomed_or_with_larger_letters(
    browser, drafted, width, height, letters
):
    """A window of 1280 by 800 at 200 % zoom is one of 640 by 400."""
    visit = Visit(browser, drafted.url, viewport={"width": width, "height": height})
    visit.page.add_style_tag(content=f"html {{ font-size: {letters * 1.0625}% !important }}")
    assert fits(visit) and in_sight(visit, "Get help now")
    visit.begin().say(drafted.statement)
    visit.answer()
    for name in ("", *SHEETS):
        if name:
            show(visit, name)
        assert fits(visit) and in_sight(visit, "Get help now"), name
    visit.context.close()


def test_the_whole_page_can_be_used_with_keys_alone(browser, drafted):
    visit = Visit(browser, drafted.url, viewport={"width": 1280, "height": 800})
    keys = visit.page.keyboard
    visit.page.locator("#message textarea").wait_for()

    def tab_to(name: str) -> None:
        for _ in range(30):
            keys.press("Tab")
            if visit.page.evaluate(
                "(document.activeElement.getAttribute('aria-label') || document.activeElement.innerText || '').trim()"
            ).startswith(name):
                return
        raise AssertionError(f"Tab never reaches {name}")

    tab_to("I am 18 or older")
    keys.press("Enter")
    until(visit, "document.activeElement.tagName === 'TEXTAREA'")
    keys.type(drafted.statement)
    keys.press("Enter")
    visit.answer()
    tab_to("Ask me more")
    keys.press("Enter")
    until(visit, "quiet.turns().length === 4")
    tab_to("Menu")
    keys.press("Enter")
    tab_to("How am I today?")
    keys.press("Enter")
    assert visit.page.locator("#q-mood").is_visible()
    keys.press("Escape")
    assert visit.page.locator(OPEN).count() == 0
    visit.context.close()


@pytest.fixture(scope="module")
def arabic_url(root, tmp_path_factory) -> Iterator[str]:
    """A page that speaks Arabic: the project's own once it exists, else a copy of the project with a few words of it."""
    place = tmp_path_factory.mktemp("arabic")
    if not (root / "therapist/data/ar/page.json").exists():
        for name in ("app.py", *(str(p.relative_to(root)) for p in (root / "therapist").glob("*.py"))):
            (place / name).parent.mkdir(exist_ok=True)
            shutil.copy(root / name, place / name)
        (place / "therapist/data").mkdir()
        for path in (root / "therapist/data").iterdir():
            if path.name != "ar":
                (place / "therapist/data" / path.name).symlink_to(path)
        shutil.copytree(root / "therapist/data/ar", place / "therapist/data/ar")
        (place / "therapist/data/ar/page.json").write_text(json.dumps(ARABIC), encoding="utf-8")
        root = place
    with running_app(place / "log", ready=False, folder=root) as url:
        yield url


def test_an_arabic_browser_meets_an_arabic_page_from_right_to_left(browser, arabic_url, axe, root):
    path = root / "therapist/data/ar/page.json"
    w = json.loads(path.read_text(encoding="utf-8")) if path.exists() else ARABIC
    visit = Visit(browser, arabic_url, locale="ar-EG", timezone_id="Africa/Cairo")
    until(visit, "window.quiet")
    assert visit.page.evaluate("[document.documentElement.lang, document.documentElement.dir]") == ["ar", "rtl"]
    visit.page.get_by_role("button", name=w["notice"]["accept"]).click()
    heading = visit.page.get_by_role("heading", name=w["first"]["heading"])
    heading.wait_for()
    field = visit.page.get_by_role("textbox", name=w["message"])
    assert field.get_attribute("placeholder") == w["placeholder"]
    send = visit.page.get_by_role("button", name=w["send"], exact=True)
    assert send.bounding_box()["x"] < field.bounding_box()["x"], "the button stands where an Arabic line ends"
    assert visit.page.locator("#q-help-button").bounding_box()["x"] < 20
    assert fits(visit) and violations(visit, axe) == []
    field.fill("hey")
    send.click()
    visit.answer()
    visit.page.get_by_role("button", name=w["quick"]["done"]).wait_for()
    send.wait_for()  # Gradio must not write its own word back
    show(visit, "place")
    visit.page.locator("#q-place-language").select_option("en")
    assert visit.page.evaluate("document.documentElement.dir") == "ltr"
    visit.page.get_by_role("heading", name="Language and country").wait_for()
    visit.context.close()


# on a device, and inside other pages


def test_the_help_lines_are_there_without_a_connection_once_the_page_was_open(browser, tmp_path):
    with running_app(tmp_path / "log", ready=False) as url:
        visit = Visit(browser, url)
        until(visit, "navigator.serviceWorker.ready.then(r => Boolean(r.active))")
        manifest = visit.page.evaluate("fetch(document.querySelector('link[rel=manifest]').href).then(r => r.json())")
        for icon in manifest["icons"]:
            size = visit.page.evaluate(
                "async src => { const i = new Image(); i.src = src; await i.decode(); return i.naturalWidth }",
                icon["src"],
            )
            assert icon["sizes"] == f"{size}x{size}"
        assert manifest["display"] == "standalone" and manifest["start_url"]
    visit.page.goto(url)
    visit.page.get_by_role("heading", name="Talk to a person").wait_for()
    assert visit.page.locator("#q-offline a[href='tel:116123']").is_visible()
    tap(visit, "Breathe")
    tap(visit, "Close", "#q-exercises")
    assert visit.page.locator("#q-offline").is_visible()
    visit.context.close()


def test_one_line_embeds_the_page_in_another_one(browser, drafted, tmp_path, root):
    line = next(
        t.strip()
        for t in (root / "README.md").read_text(encoding="utf-8").splitlines()
        if t.strip().startswith("<iframe")
    )
    (tmp_path / "index.html").write_text(line.replace("https://your-space.hf.space", drafted.url), encoding="utf-8")
    handler = partial(SimpleHTTPRequestHandler, directory=tmp_path)
    server = ThreadingHTTPServer(("127.0.0.1", 0), handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    visit = Visit(browser, f"http://localhost:{server.server_port}/")
    frame = visit.page.frame_locator("iframe")
    frame.get_by_role("button", name="I am 18 or older").click()
    frame.get_by_role("button", name="Get help now").click()
    assert frame.locator("#q-help a[href='tel:116123']").is_visible()
    visit.context.close()
    server.shutdown()

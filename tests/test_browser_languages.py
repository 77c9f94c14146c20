"""The page in its other languages, in a real browser: exercises and the choice are in the person's words."""

from collections.abc import Iterator

import pytest
from conftest import Drafted, Visit, running_app
from test_visits import axe, fits, until, violations  # noqa: F401

from therapist import page
from therapist.exercises import Exercise, exercises, find, words

GUIDE = "#q-exercises"
LANGUAGES = [code for code in page.languages() if code != "en"]
SCREENS = [
    {"viewport": {"width": 390, "height": 844}, "color_scheme": "light"},
    {"viewport": {"width": 1280, "height": 800}, "color_scheme": "dark"},
]


@pytest.fixture(params=LANGUAGES)
def language(request) -> str:
    return request.param


@pytest.fixture(params=SCREENS, ids=["phone", "desk"])
def visit(browser, drafted: Drafted, language: str, request) -> Iterator[Visit]:
    """A page that met a browser of the language, with the notice accepted."""
    opened = Visit(browser, drafted.url, locale=language, **request.param)
    opened.page.get_by_role("button", name=page.words(language)["notice"]["accept"]).click()
    until(opened, "code => document.querySelector('.q-guide').lang === code", language)
    yield opened
    opened.context.close()


def test_the_first_screen_begins_with_its_heading_and_nothing_in_the_bar_lies_over_something_else(visit, language):
    box = visit.page.get_by_role("heading", name=page.words(language)["first"]["heading"]).bounding_box
    visit.page.wait_for_timeout(800)  # Gradio scrolls down after a while
    bar = visit.page.locator(".q-bar").bounding_box()
    assert box()["y"] >= bar["y"] + bar["height"]
    brand = visit.page.locator(".q-brand h1").evaluate(
        "e => { const all = document.createRange(); all.selectNodeContents(e); "
        "const box = all.getBoundingClientRect(); return [box.left, box.right]; }"
    )
    for button in visit.page.locator(".q-bar .q-button:visible").all():
        edge = button.bounding_box()
        assert edge["x"] >= brand[1] or edge["x"] + edge["width"] <= brand[0], button.inner_text()


def choose(visit: Visit, exercise: Exercise) -> None:
    visit.page.evaluate("quiet.exercise()")
    visit.page.locator(GUIDE).get_by_role("button", name=exercise.name).click()


def test_the_exercises_are_in_the_pages_language_and_anybody_can_use_them(visit, language, axe):  # noqa: F811
    found, thought = {}, find("thought-record", language)
    visit.page.evaluate("quiet.exercise()")
    shelf = visit.page.locator(GUIDE).inner_text()
    assert all(e.name in shelf and e.about in shelf for e in exercises(language))
    found["shelf"] = violations(visit, axe)
    choose(visit, thought)
    assert thought.note in visit.page.locator(GUIDE).inner_text()
    found["start"] = violations(visit, axe)
    visit.page.locator("#q-pace").click()
    for step in thought.steps:
        assert visit.page.locator(".q-say span").inner_text() == step.say
        if step.choices:
            found["choices"] = violations(visit, axe)
            visit.page.locator(".q-check input").nth(2).check()
            chosen = step.choices[2].split(":")[0].strip()
        assert fits(visit), step.say
        visit.page.locator("#q-next").click()
    assert visit.page.locator(".q-yours .q-text").inner_text() == chosen
    assert words(language)["done"] in visit.page.locator(GUIDE).inner_text()
    found["end"] = violations(visit, axe)
    assert {name: wrong for name, wrong in found.items() if wrong} == {}


def test_why_a_draft_was_refused_is_said_in_the_pages_language(visit, language, drafted, axe):  # noqa: F811
    field = visit.page.get_by_role("textbox", name=page.words(language)["message"])
    field.fill(drafted.statement)
    field.press("Enter")
    visit.answer()
    visit.page.locator(".q-why summary").first.click()
    reasons = page.words(language, "reasons")
    shown = visit.page.locator(".q-whybody .q-reason").all_inner_texts()
    assert reasons["greeting-only"] in shown and set(shown) <= set(reasons.values())
    assert visit.page.evaluate("(e => e.scrollWidth - e.clientWidth)(document.querySelector('.q-whybody'))") <= 0
    assert violations(visit, axe) == []


def test_the_exercises_follow_when_the_language_is_changed_and_keep_what_was_chosen(browser, drafted):
    changed = Visit(browser, drafted.url, locale="es-ES")
    until(changed, "document.querySelector('.q-guide')?.lang === 'es'")
    spanish, arabic = find("thought-record", "es"), find("thought-record", "ar")
    choose(changed, spanish)
    changed.page.locator("#q-pace").click()
    for _ in range(3):
        changed.page.locator("#q-next").click()
    changed.page.locator(".q-check input").nth(2).check()
    changed.page.evaluate("quiet.show('place')")
    changed.page.locator("#q-place-language").select_option("ar")
    until(changed, "document.querySelector('.q-guide').lang === 'ar'")
    changed.page.evaluate("quiet.show('exercises')")
    assert changed.page.get_by_role("dialog", name=words("ar")["heading"]).is_visible()
    assert changed.page.locator(".q-say span").inner_text() == arabic.steps[3].say
    assert changed.page.locator(".q-check input").nth(2).is_checked()
    first, last = changed.page.locator(".q-steps .q-button").first, changed.page.locator("#q-next")
    assert last.bounding_box()["x"] < first.bounding_box()["x"], "from right to left"
    changed.context.close()


def test_the_exercises_are_there_without_a_connection_in_the_language_of_the_visit(browser, tmp_path):
    with running_app(tmp_path / "log", ready=False) as url:
        visit = Visit(browser, url, locale="fr-FR", timezone_id="Europe/Paris")
        until(visit, "navigator.serviceWorker.ready.then(r => Boolean(r.active))")
    visit.page.goto(url)
    until(visit, "document.querySelector('.q-guide')?.lang === 'fr'")
    visit.page.get_by_role("button", name=page.words("fr")["breathe"], exact=True).click()
    assert find("longer-out", "fr").about in visit.page.locator(GUIDE).inner_text()
    visit.context.close()

"""Guided exercises as a person meets them: asked for, walked, paused, left, written in, and answered."""

import re

import pytest
from conftest import Visit

GUIDE = "#q-exercises"


@pytest.fixture
def guide(visit):
    """The exercises, opened from the bar on a phone."""
    visit.begin().page.get_by_role("button", name="Breathe", exact=True).click()
    return visit.page


def choose(page, name: str) -> None:
    page.get_by_role("button", name="All exercises").click()
    page.locator(GUIDE).get_by_role("button", name=name).click()


def rate(page, number: int) -> None:
    page.locator(f"{GUIDE} input[type=radio][value='{number}']").check(force=True)


def finish(page) -> None:
    """Skip whatever is left."""
    while page.locator("#q-next").count():
        page.locator("#q-next").click()


def write_journal(page, text: str) -> None:
    choose(page, "Free writing")
    page.get_by_role("button", name="Start", exact=True).click()
    page.locator("textarea.q-field-area").fill(text)
    finish(page)


def test_the_breathing_pacer_counts_rounds_and_can_be_paused_and_left(guide):
    guide.get_by_role("button", name="Box breath").click()
    guide.get_by_role("button", name="Start", exact=True).click()
    assert "Breathe in" in guide.locator(".q-say").inner_text()
    guide.get_by_text("Round 1 of 4").wait_for()
    guide.get_by_role("button", name="Pause").click()
    assert "Paused" in guide.locator(".q-say").inner_text()
    guide.get_by_role("button", name="Go on").click()
    guide.locator(GUIDE).get_by_role("button", name="Close").click()
    assert not guide.locator(GUIDE).is_visible()
    guide.get_by_role("button", name="Breathe", exact=True).click()
    assert "Paused" in guide.locator(".q-say").inner_text(), "leaving stops the clock and keeps the place"


def test_steps_go_on_by_themselves_and_back_and_skip_at_will(guide):
    guide.get_by_role("button", name="Start", exact=True).click()
    guide.locator(".q-say", has_text="Breathe out").wait_for(timeout=30_000)
    guide.get_by_role("button", name="Back", exact=True).click()
    assert "Breathe in" in guide.locator(".q-say").inner_text()
    guide.get_by_role("button", name="Skip").click()
    assert "Breathe out" in guide.locator(".q-say").inner_text()


def test_the_circle_stands_still_for_those_who_want_less_motion(browser, app_url):
    still = Visit(browser, app_url, reduced_motion="reduce").begin()
    still.page.get_by_role("button", name="Breathe", exact=True).click()
    still.page.get_by_role("button", name="Start", exact=True).click()
    assert still.page.evaluate("getComputedStyle(document.querySelector('.orb')).transitionDuration") == "0s"
    still.context.close()


def test_asking_by_words_opens_the_exercise(visit):
    visit.begin().say("No, can we do the muscle thing?")
    visit.page.locator(GUIDE).get_by_text("Muscles, short").wait_for(timeout=60_000)
    assert "must not hurt" in visit.page.locator(GUIDE).inner_text()


@pytest.mark.parametrize(("after", "words", "helped"), [(3, "easier", 0), (6, "nothing wrong", 0), (9, "a person", 1)])
def test_the_difference_is_named_and_worse_is_met_with_something_else_and_help(guide, after, words, helped):
    choose(guide, "5-4-3-2-1")
    rate(guide, 6)
    guide.get_by_role("button", name="Start", exact=True).click()
    finish(guide)
    rate(guide, after)
    assert words in guide.locator(".q-outcome").inner_text()
    assert guide.locator(GUIDE).get_by_role("button", name="Get help now").count() == helped
    assert guide.get_by_role("button", name="Try this instead").count() == helped


def test_what_is_written_can_be_copied_and_downloaded_and_is_sent_and_kept_nowhere(visit, tmp_path):
    page = visit.begin().page
    visit.context.grant_permissions(["clipboard-read", "clipboard-write"])
    page.get_by_role("button", name="Breathe", exact=True).click()
    sent = len(visit.requests)
    choose(page, "Three good things")
    page.get_by_role("button", name="Start", exact=True).click()
    page.locator("textarea.q-field-area").fill("Marigold called.")
    page.get_by_role("button", name="Next").click()
    page.locator("textarea.q-field-area").fill("The rain stopped.")
    finish(page)
    page.get_by_role("button", name="Copy").click()
    page.get_by_text("Copied").wait_for()
    copied = page.evaluate("navigator.clipboard.readText()")
    assert copied == "One good thing: Marigold called.\nAnother: The rain stopped."
    with page.expect_download() as download:
        page.get_by_role("button", name="Download").click()
    download.value.save_as(tmp_path / "own")
    assert (tmp_path / "own").read_text(encoding="utf-8") == copied
    assert download.value.suggested_filename == "quiet-hour-gratitude.txt"
    assert [url for url in visit.requests[sent:] if not url.startswith("blob:")] == []
    assert "Marigold" not in page.evaluate("JSON.stringify([localStorage, sessionStorage, document.cookie])")


def test_a_thing_begun_is_kept_while_somebody_breathes_in_between(guide):
    choose(guide, "Look at a thought")
    guide.get_by_role("button", name="Start", exact=True).click()
    guide.locator("textarea.q-field-area").fill("Nadia read my text at 2.")
    guide.locator(GUIDE).get_by_role("button", name="Close").click()
    guide.get_by_role("button", name="Breathe", exact=True).click()
    guide.get_by_role("button", name="Box breath").wait_for()
    choose(guide, "Look at a thought")
    assert guide.locator("textarea.q-field-area").input_value() == "Nadia read my text at 2."


@pytest.mark.parametrize("way", [["Start over"], ["Menu", "Forget everything"]])
def test_an_exercise_is_forgotten_with_everything_else(guide, way):
    write_journal(guide, "Marigold called.")
    guide.locator(GUIDE).get_by_role("button", name="Close").click()
    for name in way:
        guide.get_by_role("button", name=name).click()
    guide.evaluate("quiet.exercise('free-journal')")
    guide.locator(f"{GUIDE} #q-pace").wait_for()
    assert "Marigold" not in guide.locator(GUIDE).text_content()


def test_nothing_of_the_talk_shows_through_the_sheet(visit):
    page = visit.begin().page
    visit.say("I want to kill myself")
    visit.answer()
    arrow = page.locator(".scroll-down-button-container button")
    # The page scrolls on as the card's parts arrive, and the arrow goes and comes with that.
    while not (box := arrow.is_visible() and arrow.bounding_box()):
        page.get_by_role("log").evaluate("log => log.scrollTo(0, 0)")
        page.wait_for_timeout(100)
    page.evaluate("quiet.show('help')")
    middle = [box["x"] + box["width"] / 2, box["y"] + box["height"] / 2]
    assert page.evaluate("([x, y]) => Boolean(document.elementFromPoint(x, y).closest('#q-help'))", middle)


def test_distortions_are_chosen_from_a_list(guide):
    choose(guide, "Look at a thought")
    guide.get_by_role("button", name="Start", exact=True).click()
    for _ in range(3):
        guide.get_by_role("button", name="Next").click()
    guide.get_by_label(re.compile("Mind reading")).check()
    guide.get_by_label(re.compile("Labels")).check()
    finish(guide)
    assert guide.locator(".q-yours .q-text").inner_text() == "Mind reading, Labels"


def test_who_asks_hears_a_few_words_back(guide):
    write_journal(guide, "The kettle broke and I cried. It was Mum's kettle.")
    guide.get_by_role("button", name="Hear a few words back").click()
    guide.locator(".q-heard p:not(.soft)").first.wait_for(timeout=120_000)
    assert "No reply came" not in guide.locator(".q-heard").inner_text()


def test_a_crisis_in_a_journal_meets_the_protocol_and_a_line_to_call_above_all_that_was_written(guide):
    write_journal(guide, "Long day.\n\n" * 40 + "I want to kill myself.")
    guide.get_by_role("button", name="Hear a few words back").click()
    line = guide.locator(".q-heard .q-card a[href='tel:116123']")
    line.wait_for(timeout=60_000)
    assert "116 123" in guide.locator(".q-heard").inner_text()
    box = line.bounding_box()  # on the screen as it is, and nothing over it
    middle = [box["x"] + box["width"] / 2, box["y"] + box["height"] / 2]
    assert guide.evaluate("([x, y]) => document.elementFromPoint(x, y)?.getAttribute('href')", middle) == "tel:116123"


def test_an_exercise_can_be_done_by_keyboard_alone(guide):
    choose(guide, "5-4-3-2-1")
    guide.keyboard.press("Enter")
    assert guide.evaluate("document.activeElement.id") == "q-pause"
    for _ in range(6):
        guide.keyboard.press("Tab")
        if guide.evaluate("document.activeElement.id") == "q-next":
            break
    for _ in range(5):
        guide.keyboard.press("Enter")
    assert "That was all of it" in guide.locator(f"{GUIDE} h3").first.inner_text()
    guide.keyboard.press("Escape")
    assert not guide.locator(GUIDE).is_visible()


def test_no_view_is_wider_than_a_small_phone(browser, app_url):
    small = Visit(browser, app_url, viewport={"width": 320, "height": 640}).begin()
    page = small.page
    page.get_by_role("button", name="Menu").click()
    page.locator("#q-menu").get_by_role("button", name="Exercises").click()
    for name in ("When panic comes", "Look at a thought", "4-7-8"):
        page.evaluate("quiet.exercise()")
        page.locator(GUIDE).get_by_role("button", name=name).click()
        for _ in range(2):
            assert page.evaluate(f"document.querySelector('{GUIDE}').scrollWidth") <= 320, name
            page.locator("#q-pace, #q-next").first.click()
    small.context.close()

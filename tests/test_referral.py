"""Lines as dialled, with source and date, the directory always there, and a specialist for every concern."""

import datetime
import json

import pytest

from therapist import referral
from therapist.referral import emergency_number, helplines, refer, sms_link, tel_link

COUNTRIES = sorted(referral.countries())


@pytest.mark.parametrize("country", [*COUNTRIES, None, "XX"])
def test_the_directory_is_always_last(country):
    assert helplines(country)[-1].url == "https://findahelpline.com"


@pytest.mark.parametrize("country", COUNTRIES)
def test_no_line_of_low_confidence_is_shown_and_every_line_has_source_and_date(country):
    for line in helplines(country):
        assert line.confidence in ("high", "medium")
        assert line.source
        assert datetime.date.fromisoformat(line.checked)


def test_lines_are_younger_than_180_days():
    age = datetime.datetime.now(tz=datetime.UTC).date() - datetime.date.fromisoformat(referral.checked())
    assert age.days <= 180, "Check every line with its operator again, then set the date."


@pytest.mark.parametrize("country", COUNTRIES)
def test_lines_of_high_confidence_come_first(country):
    confidence = [line.confidence for line in helplines(country)[:-1]]
    assert confidence == sorted(confidence, key=lambda c: c != "high")


def test_the_kind_decides_which_line_comes_first():
    assert helplines("US", "eating-disorder")[0].category == "eating_disorder"
    assert helplines("US", "abuse")[0].category == "domestic_violence"
    assert helplines("US", "suicide")[0].phone == "988"


def test_short_codes_stay_as_they_are_dialled():
    assert helplines("GB", "suicide")[0].phone == "116 123"
    assert tel_link("116 123") == "tel:116123"


def test_hours_in_doubt_are_not_shown():
    assert not [h for c in COUNTRIES for h in helplines(c) if h.hours and ("verify" in h.hours or "unclear" in h.hours)]


def test_an_unknown_country_gets_both_common_emergency_numbers():
    assert emergency_number(None) == "112 or 911"
    assert emergency_number("AU") == "000"


def test_links_dial_the_first_number_only():
    assert tel_link("0800 111 0 111 / 0800 111 0 222 / 116 123") == "tel:08001110111"
    assert tel_link(None) is None


def test_text_lines_become_links():
    assert sms_link("Text HOME to 741741") == "sms:741741?&body=HOME"
    assert sms_link("Text 988") == "sms:988"
    assert sms_link("WhatsApp 9151 1767") is None


CONCERNS = json.loads((referral.DATA / "en" / "referral.json").read_text(encoding="utf-8"))["specialists"]


@pytest.mark.parametrize("concern", [*CONCERNS, None, "never heard of"])
def test_every_concern_has_a_specialist_and_the_talk_goes_on(concern):
    found = refer(concern, "GB", statement="I do not know what to do")
    assert found.specialist.lower() in found.text.lower()
    assert "here" in found.text
    assert "{" not in found.text


def test_different_statements_get_different_words():
    assert len({refer("grief", None, statement=s).text for s in ("a", "b", "c")}) == 3

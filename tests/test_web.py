"""Plain HTTP: statuses and sentences, and one address that cannot take every seat."""

from concurrent.futures import ThreadPoolExecutor

import httpx
import pytest
from gradio_client import Client
from gradio_client.exceptions import AppError

from therapist import Settings, Therapist
from therapist.api import Api, caller, spoken
from therapist.errors import BusyError
from therapist.web import MAX_BYTES, address

CRISIS = {"message": "I want to kill myself."}


@pytest.mark.parametrize(
    ("path", "body", "status", "sentence"),
    [
        ("chat", b"not json", 400, 'The body must be a JSON object, such as {"message"'),
        ("chat", b"[" * 100_000, 400, "The body must be a JSON object"),
        ("chat", b'["hey"]', 400, "The body must be a JSON object"),
        ("chat", b"{}", 400, "message is missing"),
        ("chat", b'{"message": "hey", "mood": 3}', 400, "'mood' is no parameter of chat. There are: message, history."),
        ("chat", b'{"message": 5}', 400, "message must be text"),
        ("stream", b'{"message": ""}', 400, "message is empty"),
        ("respond", b'{"message": "hey", "country": "Nigeria"}', 400, "two-letter ISO 3166 code"),
        ("rank", b'{"statement": "I feel low.", "candidates": []}', 400, "Send 1 to 32"),
        ("healthz", b"{}", 404, "There is no endpoint /v1/healthz. There are: /v1/chat"),
        ("chat", b"a" * (MAX_BYTES + 1), 413, "8,000,000 bytes"),
    ],
)  # fmt: skip
def test_what_cannot_be_answered_gets_a_status_and_a_sentence(app_url, path, body, status, sentence):
    answer = httpx.post(f"{app_url}/v1/{path}", content=body, timeout=60)
    assert answer.status_code == status
    assert sentence in answer.json()["error"]


def test_a_crisis_at_the_end_of_a_long_text_is_answered(app_url):
    body = {"message": "The weather was fine. " * 2000 + "I want to kill myself."}
    assert httpx.post(f"{app_url}/v1/chat", json=body, timeout=60).json()["route"] == "crisis"


def test_a_crisis_comes_whole_and_another_answer_piece_by_piece(app_url):
    crisis, other = (httpx.post(f"{app_url}/v1/stream", json=b, timeout=60).text for b in (CRISIS, {"message": "hey"}))
    assert crisis.count("data: ") == 1
    assert other.count("data: ") > 3


def test_a_stream_grows_and_ends_with_the_whole_text():
    text = "You miss her.\n\nWhat was she like?"
    pieces = list(spoken(text, "reply"))
    assert pieces[-1] == text and all(text.startswith(piece) for piece in pieces)
    assert [len(piece) for piece in pieces] == sorted({len(piece) for piece in pieces})


def test_one_address_cannot_take_every_seat_and_danger_is_answered_all_the_same(app_url):
    def ask(number: int, name: str = "1.2.3.4") -> httpx.Response:
        body = {"message": f"I failed exam {number} and I am ashamed of it.", "n": 16}
        return httpx.post(f"{app_url}/v1/respond", json=body, headers={"X-Forwarded-For": name}, timeout=240)

    with ThreadPoolExecutor(12) as pool:
        flood = list(pool.map(ask, range(10)))
        other = pool.submit(ask, 0, "5.6.7.8")
        crisis = httpx.post(f"{app_url}/v1/chat", json=CRISIS, headers={"X-Forwarded-For": "1.2.3.4"}, timeout=60)
        assert other.result().status_code == 200
    refused = [answer for answer in flood if answer.status_code == 429]
    assert 1 <= len(refused) <= 6
    assert "4 answers to your address are on their way" in refused[0].json()["error"]
    assert refused[0].headers["retry-after"] == "2"
    assert crisis.json()["route"] == "crisis"
    assert ask(11).status_code == 200


def test_one_address_cannot_take_every_seat_by_the_client_of_gradio_either(app_url):
    client = Client(app_url, verbose=False, headers={"X-Forwarded-For": "9.9.9.9"})
    found: list[BaseException | None] = []
    while not any(found) and len(found) < 40:  # a machine that is busy may let them in one after another
        jobs = [client.submit(f"My friend {i} forgot me.", n=16, api_name="/respond") for i in range(10)]
        found += [job.exception(240) for job in jobs]
    refused = [e for e in found if e]
    assert refused, "nobody was refused"
    assert all(isinstance(e, AppError) and "4 answers to your address" in str(e) for e in refused), refused
    assert len(found) - len(refused) >= 4


def test_a_seat_is_given_back_and_no_address_is_kept():
    api = Api(Therapist(Settings(per_client=1)))
    caller.set("1.2.3.4")
    with api._seat(), pytest.raises(BusyError, match="1 answers"), api._seat():
        pass
    assert not api._seated
    with api._seat():
        caller.set("5.6.7.8")
        with api._seat() as people:
            assert set(api._seated) == {"1.2.3.4", "5.6.7.8"} and people == 2
    assert not api._seated
    caller.set("")


@pytest.mark.parametrize(
    ("forwarded", "peer", "found"),
    [
        ("", "127.0.0.1", ""),
        ("", "::1", ""),
        ("", "192.168.1.9", "192.168.1.9"),
        ("1.2.3.4", "10.0.0.1", "1.2.3.4"),
        ("6.6.6.6, 1.2.3.4, 10.0.0.7", "10.0.0.1", "1.2.3.4"),
        ("nonsense, \n", "127.0.0.1", ""),
        ("", "testclient", "testclient"),
    ],
)
def test_the_address_is_the_last_public_one_that_a_proxy_saw(forwarded, peer, found):
    assert address({"x-forwarded-for": forwarded}, peer) == found


def test_the_log_holds_no_word_of_a_plain_call(app_url, app_log):
    httpx.post(f"{app_url}/v1/respond", json={"message": "Quokkazither makes me sad.", "Quokkazither": 1}, timeout=120)
    httpx.post(f"{app_url}/v1/Quokkazither", json={"message": "Quokkazither" * 1000}, timeout=120)
    assert "Quokkazither" not in app_log.read_text(encoding="utf-8")

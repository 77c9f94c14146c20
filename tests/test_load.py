"""Many people at once: nobody hears another's words, a full house says where help is, danger waits behind nobody."""

import threading
from concurrent.futures import ThreadPoolExecutor

import httpx
from conftest import model_server, running_app
from gradio_client import Client

from therapist.api import MAX_WAITING
from train import load

CRISIS = {"message": "I want to kill myself"}


def test_eight_people_and_a_flood_hear_only_their_own_words_and_danger_is_answered(app_url):
    crowd, rush = load.Seen(), load.Seen()
    load.beside(app_url, crowd, lambda: load.together(app_url, 8, 6, crowd))
    load.beside(app_url, rush, lambda: load.flood(app_url, 200, rush))
    for seen in (crowd, rush):
        assert not seen.leaks
        assert set(seen.counts) <= {"200", "429", "crisis"}, seen.counts
        assert seen.counts["200"] and seen.counts["crisis"]
    assert rush.counts["200"] + rush.counts["429"] == 200
    assert httpx.get(f"{app_url}/healthz", timeout=60).json()["status"] == "ok"


def test_danger_is_answered_while_every_seat_waits_for_a_model_that_says_nothing(tmp_path):
    held, arrived = threading.Event(), threading.Semaphore(0)

    def silent(_: dict) -> list[str]:
        arrived.release()
        held.wait(240)
        return ["Hi there."]

    options = "--n", "1", "--timeout-s", "120"
    with (
        model_server(silent) as base,
        running_app(tmp_path / "log", "--base-url", base, *options, ready=True) as url,
        ThreadPoolExecutor(MAX_WAITING) as pool,
    ):

        def say(message: str, number: int) -> httpx.Response:
            headers = {"X-Forwarded-For": f"9.9.9.{number + 1}"}
            return httpx.post(f"{url}/v1/chat", json={"message": message}, headers=headers, timeout=200)

        try:
            waiting = [pool.submit(say, f"I failed exam {i} and I am ashamed.", i) for i in range(MAX_WAITING)]
            assert all(arrived.acquire(timeout=100) for _ in waiting)
            assert httpx.post(f"{url}/v1/chat", json=CRISIS, timeout=60).json()["route"] == "crisis"
            answer = Client(url, verbose=False).predict(CRISIS["message"], api_name="/chat")
            assert answer["route"] == "crisis"
            refused = say("My cat is ill and I cannot sleep.", 200)
            assert refused.status_code == 429 and "findahelpline.com" in refused.json()["error"]
            assert not any(one.done() for one in waiting), "nobody's draft has come yet"
        finally:
            held.set()
        assert all(one.result().json()["route"] == "referral" for one in waiting)

"""A whole conversation writes nothing and opens no connection."""

import json
import subprocess
import sys

# Runs in a process of its own: an audit hook cannot be taken away again. It watches from the moment the models are
# loaded, while a conversation goes through every route.
WATCHED = """
import json, os, sys
from therapist import Settings, Therapist
from therapist.conversation import assistant, user

therapist = Therapist(Settings(timeout_s=120))
therapist.load()
therapist.respond("My cat is ill and I can't concentrate.", seed=1)  # what libraries set up on first use is done now

seen = []
WRITING = os.O_WRONLY | os.O_RDWR | os.O_CREAT | os.O_APPEND | os.O_TRUNC

def watch(event, args):
    if event == "open" and (isinstance(args[1], str) and set(args[1]) & set("wax+") or isinstance(args[2], int) and args[2] & WRITING):
        if args[0] not in (os.devnull, 1, 2):
            seen.append([event, str(args[0])])
    elif event in ("socket.connect", "socket.bind", "socket.sendto", "socket.getaddrinfo", "os.mkdir", "os.rename", "os.remove",
                   "subprocess.Popen", "os.system", "shutil.copyfile", "sqlite3.connect"):
        seen.append([event, str(args[:1])])

sys.addaudithook(watch)
history, routes = [], []
for statement in ["hey", "My name is Tobi and my sister Marigold moved away.", "are you a human?", "What is 1+1?",
                  "Everyone would be better off without me.", "I want to kill myself tonight.", "Nobody knows."]:
    reply = therapist.respond(statement, history, country="DE", seed=2)
    therapist.refer(statement, "DE")
    therapist.rank(statement, ["Marigold moved away and you miss her."], history)
    routes.append(reply.route)
    history += [user(statement), assistant(reply.text)]
print(json.dumps({"seen": seen, "routes": routes}))
"""


def test_a_whole_conversation_writes_no_file_and_opens_no_connection(root):
    out = subprocess.run([sys.executable, "-c", WATCHED], cwd=root, capture_output=True, text=True, timeout=200)
    assert out.returncode == 0, out.stderr[-2000:]
    found = json.loads(out.stdout.splitlines()[-1])
    assert found["seen"] == []
    assert {"clarify", "reply", "crisis"} <= set(found["routes"])
    assert "Marigold" not in out.stderr and "Tobi" not in out.stderr


def test_the_watch_would_see_a_file_and_a_connection(root):
    spy = WATCHED.replace(
        "print(json.dumps(",
        "open('/dev/shm/spy', 'w').close(); __import__('socket').socket().connect_ex(('127.0.0.1', 9)); print(json.dumps(",
    )
    out = subprocess.run([sys.executable, "-c", spy], cwd=root, capture_output=True, text=True, timeout=200)
    events = [event for event, _ in json.loads(out.stdout.splitlines()[-1])["seen"]]
    assert "open" in events and "socket.connect" in events

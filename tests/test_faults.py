"""Full disk, no disk to write on, no network, a wrong clock, a killed process: the page still serves."""

import os
import shutil
import subprocess
import sys

import httpx
import pytest
from conftest import ROOT, await_health, free_port

FAULTS = {
    "a full disk": "import resource, signal; signal.signal(signal.SIGXFSZ, signal.SIG_IGN); "
    "resource.setrlimit(resource.RLIMIT_FSIZE, (0, 0))",
    "a disk that is only read": """
import builtins, io, os
def refused(event, arguments):
    path, mode, flags = (*arguments, 0)[:3] if event == "open" else ("", "", 0)
    writes = flags & (os.O_WRONLY | os.O_RDWR | os.O_CREAT) if isinstance(flags, int) else 0
    if event in ("os.mkdir", "os.rename", "os.remove") or (event == "open" and writes and not str(path).startswith("/dev/")):
        raise OSError(30, "Read-only file system")
import sys; sys.addaudithook(refused)""",
    "no network": """
def refused(event, arguments):
    if event == "socket.getaddrinfo" and arguments[0] not in ("127.0.0.1", "localhost", None):
        raise OSError("no network")
    if event == "socket.connect" and isinstance(arguments[1], tuple) and not str(arguments[1][0]).startswith(("127.", "::1")):
        raise OSError("no network")
import sys; sys.addaudithook(refused)""",
    "a clock in 1971": "import time; real = time.time; time.time = lambda: real() - 1.7e9; "
    "ns = time.time_ns; time.time_ns = lambda: ns() - 1_700_000_000_000_000_000",
    "a clock in 2090": "import time; real = time.time; time.time = lambda: real() + 2e9",
}
START = "import runpy, sys; sys.argv = ['app.py', '--port', {port!r}]; runpy.run_path('app.py', run_name='__main__')"


def serves(url: str) -> None:
    """Page, reply, crisis and exercises, all as ever."""
    assert httpx.get(url, timeout=60).status_code == 200
    said = {"message": "I lost my job on Friday and I have not told my wife.", "n": 4, "seed": 1}
    reply = httpx.post(f"{url}/v1/respond", json=said, timeout=120).json()
    assert reply["drafted"] == 4 and reply["text"]
    assert (
        httpx.post(f"{url}/v1/chat", json={"message": "I want to kill myself"}, timeout=60).json()["route"] == "crisis"
    )
    assert httpx.post(f"{url}/v1/exercises", json={}, timeout=60).json()["exercises"]


@pytest.mark.parametrize("fault", FAULTS)
def test_it_serves_as_ever_with(fault, tmp_path):
    port, log = free_port(), tmp_path / "log"
    environment = {k: v for k, v in os.environ.items() if not k.startswith(("THERAPIST_", "GRADIO_", "PYTHONPATH"))}
    command = [sys.executable, "-B", "-c", FAULTS[fault] + "\n" + START.format(port=str(port))]
    with log.open("wb") as out:
        app = subprocess.Popen(command, cwd=ROOT, env=environment, stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
        copy = subprocess.Popen(["cat"], stdin=app.stdout, stdout=out)  # the log itself must not meet the fault
        try:
            await_health(app, f"http://127.0.0.1:{port}", log, ready=True)
            serves(f"http://127.0.0.1:{port}")
            health = httpx.get(f"http://127.0.0.1:{port}/healthz", timeout=30).json()
            assert health["status"] == "ok", log.read_text("utf-8")
        finally:
            app.terminate()
            app.wait(20)
            copy.wait(20)


def test_on_a_tiny_full_disk_it_serves(tmp_path):
    """A real file system without a free byte, where this machine lets one be mounted."""
    disk = tmp_path / "disk"
    disk.mkdir()
    mount = shutil.which("mount")
    if not mount or subprocess.run([mount, "-t", "tmpfs", "-o", "size=64k", "tmpfs", str(disk)], capture_output=True).returncode:  # fmt: skip
        pytest.skip("No file system can be mounted here.")
    try:
        with (disk / "filler").open("wb") as filler, pytest.raises(OSError, match="No space left"):
            filler.write(b"x" * 1_000_000)
        port, log = free_port(), tmp_path / "log"
        environment = {**os.environ, "TMPDIR": str(disk), "GRADIO_TEMP_DIR": str(disk / "gradio"), "HOME": str(disk), "XDG_CACHE_HOME": str(disk)}  # fmt: skip
        with log.open("wb") as out:
            app = subprocess.Popen([sys.executable, "-B", "app.py", "--port", str(port)], cwd=ROOT, env=environment, stdout=out, stderr=out)  # fmt: skip
        try:
            await_health(app, f"http://127.0.0.1:{port}", log, ready=True)
            serves(f"http://127.0.0.1:{port}")
        finally:
            app.terminate()
            app.wait(20)
    finally:
        subprocess.run(["umount", str(disk)], check=True)

"""The page and nothing else: `python app.py --help` lists the settings; a Space serves it as it is."""

import inspect
import os
import socket
import sys
import tempfile
import threading
from collections.abc import Generator
from contextlib import contextmanager
from typing import Any

from therapist.errors import SettingsError
from therapist.settings import Settings, on_zero_gpu, read

RUN = __name__ == "__main__"
PORTS = 20

try:
    settings = read(sys.argv[1:] if RUN else ())
except SettingsError as error:
    if not RUN:
        raise
    print(error, file=sys.stderr)
    sys.exit(2)


@contextmanager
def without_stubs() -> Generator[None]:
    """Let Gradio find no source files while it is imported.

    It would parse its 80 components to write stubs for editors beside them, at every start: 1.1 s of 2.7. What has no
    file it leaves out (`gradio/component_meta.py`, 6.31).
    """
    found = inspect.getfile

    def hidden(thing: Any) -> str:
        if isinstance(thing, type) and thing.__module__.startswith("gradio."):
            raise OSError("Left out.")
        return found(thing)

    inspect.getfile = hidden  # ty: ignore[invalid-assignment]
    try:
        yield
    finally:
        inspect.getfile = found


def without_disk() -> None:
    """Let the page start where nothing can be written: Gradio asks for a temporary folder's name and needs no more."""
    try:
        tempfile.gettempdir()
    except FileNotFoundError:
        tempfile.tempdir = os.sep


without_disk()
with without_stubs():
    from therapist import devices, tools, ui, web  # only now, so that --help and a wrong setting answer at once
from therapist.api import Api  # noqa: E402
from therapist.pipeline import Therapist  # noqa: E402

therapist = Therapist(settings)
api = Api(therapist)
demo = ui.build(therapist, api)


def free_port(host: str, wanted: int) -> int:
    """The wanted port, or the next free one of the following 20; 0 takes any."""
    for port in range(wanted, min(wanted + PORTS, 65535) + 1) if wanted else [0]:
        with socket.socket(socket.AF_INET6 if ":" in host else socket.AF_INET) as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            try:
                probe.bind((host, port))
            except OSError:
                continue
            return probe.getsockname()[1]
    raise SettingsError(
        f"THERAPIST_PORT {wanted} and the next {PORTS} are taken on {host}. Try another, such as --port 0."
    )


def main() -> None:
    try:
        if settings.mcp:
            tools.require()
        port = free_port(settings.host, settings.port)
    except SettingsError as error:
        sys.exit(str(error))
    if settings.port not in (0, port):
        print(f"Port {settings.port} is taken, so port {port} is used.", file=sys.stderr)
    if on_zero_gpu():
        # It takes what this thread puts on a GPU before the launch, and ends an app that never asks for one.
        devices.lent(devices.place, 1)
        therapist.load()
    host = None if settings.host == Settings.host else settings.host  # None lets a Space listen where it must
    app, url, _ = demo.launch(
        server_name=host, server_port=port, prevent_thread_lock=True, quiet=True, **ui.launch_options(therapist)
    )
    web.add_to(app, api)
    if settings.mcp:
        app.router.routes.append(tools.route(api))
    print(f"Listening at {url} and waking up the models. Ctrl+C ends it.", flush=True)
    threading.Thread(target=therapist.load, name="load", daemon=True).start()
    demo.block_thread()


if RUN:
    main()

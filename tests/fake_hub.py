"""A Hub on loopback that speaks what huggingface_hub 2.4 and hf-xet say when a Space is deployed or a model pushed.

It keeps repositories as commits, takes large files over Xet or Git LFS, and "builds" a Space by unpacking the newest commit into
an empty folder, where it may really start the app. `moods` says what goes wrong today.
"""

import base64
import hashlib
import json
import struct
import threading
import time
import uuid
from dataclasses import dataclass, field
from pathlib import Path

import lz4.frame
import uvicorn
from fastapi import FastAPI, Request, Response
from fastapi.responses import JSONResponse

LARGE = (".safetensors", ".bin", ".png")
"What the Hub's own .gitattributes stores as large files; beside these, everything over 10 MB."
Tree = dict[str, bytes | str]
"Path to content, or to the SHA-256 of a large file."


@dataclass
class Space:
    commits: dict[str, Tree] = field(default_factory=dict)
    order: list[str] = field(default_factory=list)
    summaries: list[str] = field(default_factory=list)
    variables: dict[str, str] = field(default_factory=dict)
    secrets: dict[str, str] = field(default_factory=dict)
    hardware: str = "cpu-basic"
    private: bool = False
    stages: list[str] = field(default_factory=list)
    "What the runtime says, one after the other; the last one stays."
    host: str = ""

    @property
    def head(self) -> str:
        return self.order[-1]

    def add(self, tree: Tree, summary: str) -> str:
        oid = hashlib.sha1(f"{uuid.uuid4()}".encode()).hexdigest()
        self.commits[oid] = tree
        self.order.append(oid)
        self.summaries.append(summary)
        return oid


class FakeHub:
    """One Hub with its own large-file store. `with FakeHub() as hub: HfApi(endpoint=hub.url, token="hf_fake")`."""

    def __init__(self) -> None:
        self.spaces: dict[str, Space] = {}
        self.objects: dict[str, bytes] = {}
        self.xorbs: dict[str, list[bytes]] = {}
        self.calls: list[str] = []
        self.moods: dict[str, tuple[int, str]] = {}
        "Part of a path to the status and message with which it is refused."
        self.build = lambda space: ["BUILDING", "APP_STARTING", "RUNNING"]
        "What happens after a commit: the stages to show; `RUNNING of what ran` is the state of the commit before."
        self.before_commit = lambda space: None
        self.log = ["Collecting gradio\n", "ERROR: No matching distribution found for torch==99\n"]
        self._server = uvicorn.Server(uvicorn.Config(self._app(), host="127.0.0.1", port=0, log_level="error"))

    def __enter__(self) -> "FakeHub":
        self._thread = threading.Thread(target=self._server.run, daemon=True)
        self._thread.start()
        while not self._server.started:
            time.sleep(0.01)
        self.url = f"http://127.0.0.1:{self._server.servers[0].sockets[0].getsockname()[1]}"
        return self

    def __exit__(self, *_: object) -> None:
        self._server.should_exit = True
        self._thread.join(10)

    def unpack(self, name: str, folder: Path) -> None:
        """The newest commit of a Space as files, as a build does it."""
        for path, content in self.spaces[name].commits[self.spaces[name].head].items():
            (folder / path).parent.mkdir(parents=True, exist_ok=True)
            (folder / path).write_bytes(self.objects[content] if isinstance(content, str) else content)

    # From here on: the server's side.

    def _app(self) -> FastAPI:
        app = FastAPI(openapi_url=None)

        @app.middleware("http")
        async def door(request: Request, go_on):
            self.calls.append(f"{request.method} {request.url.path}")
            for part, (status, message) in self.moods.items():
                if part in f"{request.method} {request.url.path}":
                    return JSONResponse({"error": message}, status, {"X-Error-Message": message})
            if (
                request.url.path.startswith(("/api/spaces/", "/api/models/"))
                and "/".join(request.url.path.split("/")[3:5]) not in self.spaces
            ):
                return JSONResponse({"error": "Repository not found"}, 404, {"X-Error-Code": "RepoNotFound"})
            if request.url.path.startswith("/api/repos") and "hf_fake" not in request.headers.get("authorization", ""):
                return JSONResponse({"error": "Invalid username or password."}, 401)
            return await go_on(request)

        self._repositories(app)
        self._runtime(app)
        self._git_lfs(app)
        self._xet(app)
        return app

    def _repositories(self, app: FastAPI) -> None:
        @app.post("/api/repos/create")
        async def create(request: Request):
            body = await request.json()
            name = f"{body['organization']}/{body['name']}"
            if body.get("type", "model") == "model":
                model = self.spaces.setdefault(
                    name, Space(private=body.get("visibility") == "private", stages=["none"])
                )
                if not model.order:
                    model.add({".gitattributes": b"*.safetensors filter=lfs\n"}, "initial commit")
                return {"url": f"{self.url}/{name}"}
            if name in self.spaces:
                return JSONResponse(
                    {"error": "You already created this space repo", "url": f"{self.url}/spaces/{name}"}, 409
                )
            space = self.spaces[name] = Space(private=body.get("visibility") == "private", stages=["NO_APP_FILE"])
            space.hardware = body.get("hardware") or "cpu-basic"
            space.add(
                {".gitattributes": b"*.safetensors filter=lfs\n", "README.md": b"---\nsdk: gradio\n---\n"},
                "initial commit",
            )
            return {"url": f"{self.url}/spaces/{name}"}

        @app.post("/api/validate-yaml")
        async def validate(request: Request):
            text = (await request.json())["content"]
            return {"errors": [] if text.startswith("---\n") else [{"message": "no front matter"}], "warnings": []}

        @app.get("/api/models/{owner}/{name}")
        @app.get("/api/spaces/{owner}/{name}")
        async def info(owner: str, name: str):
            space = self.spaces[f"{owner}/{name}"]
            return {"id": f"{owner}/{name}", "sha": space.head, "host": space.host, "private": space.private,
                    "runtime": self._state(space), "siblings": []}  # fmt: skip

        @app.get("/api/{kind}/{owner}/{name}/tree/{revision}")
        async def tree(owner: str, name: str, revision: str):
            return self._files(self.spaces[f"{owner}/{name}"], revision)

        @app.post("/api/{kind}/{owner}/{name}/paths-info/{revision}")
        async def paths(owner: str, name: str, revision: str, request: Request):
            wanted = (await request.form()).getlist("paths")
            return [f for f in self._files(self.spaces[f"{owner}/{name}"], revision) if f["path"] in wanted]

        @app.get("/spaces/{owner}/{name}/resolve/{revision}/{path:path}")
        async def resolve(owner: str, name: str, revision: str, path: str):
            return Response(self._tree(self.spaces[f"{owner}/{name}"], revision)[path])

        @app.post("/api/{kind}/{owner}/{name}/preupload/{revision}")
        async def preupload(request: Request):
            files = (await request.json())["files"]
            large = [f["size"] > 10_000_000 or f["path"].endswith(LARGE) for f in files]
            modes = ["lfs" if is_large else "regular" for is_large in large]
            return {"files": [{"path": f["path"], "uploadMode": mode, "shouldIgnore": False} for f, mode in zip(files, modes, strict=True)]}  # fmt: skip

        @app.post("/api/{kind}/{owner}/{name}/commit/{revision}")
        async def commit(kind: str, owner: str, name: str, request: Request):
            lines = [json.loads(line) for line in (await request.body()).splitlines()]
            return self._commit(f"{owner}/{name}", lines, f"{self.url}/{'spaces/' if kind == 'spaces' else ''}")

    def _tree(self, space: Space, revision: str) -> Tree:
        return space.commits[space.head if revision == "main" else revision]

    def _files(self, space: Space, revision: str) -> list[dict]:
        found = []
        for path, content in self._tree(space, revision).items():
            one = {"type": "file", "path": path, "oid": hashlib.sha1(repr(content).encode()).hexdigest()}
            if isinstance(content, str):
                size = len(self.objects[content])
                one["lfs"] = {"oid": content, "size": size, "pointerSize": 130}
            found.append({**one, "size": size if isinstance(content, str) else len(content)})
        return found

    def _commit(self, name: str, lines: list[dict], base: str) -> Response:
        space = self.spaces[name]
        self.before_commit(space)
        header, tree = lines[0]["value"], dict(space.commits[space.head])
        if header.get("parentCommit") not in (None, space.head):
            return JSONResponse({"error": "A commit has happened since. Please refresh and try again."}, 412)
        for line in lines[1:]:
            value = line["value"]
            if line["key"] == "file":
                tree[value["path"]] = base64.b64decode(value["content"])
            elif line["key"] == "lfsFile":
                if value["oid"] not in self.objects:
                    return JSONResponse(
                        {"error": f"LFS pointer pointed to a file that does not exist: {value['path']}"}, 400
                    )
                tree[value["path"]] = value["oid"]
            else:
                del tree[value["path"]]
        oid = space.add(tree, header["summary"])
        space.stages = self.build(space)
        return JSONResponse({"commitUrl": f"{base}{name}/commit/{oid}", "commitOid": oid, "success": True})

    def _runtime(self, app: FastAPI) -> None:
        @app.get("/api/spaces/{owner}/{name}/runtime")
        async def runtime(owner: str, name: str):
            space = self.spaces[f"{owner}/{name}"]
            if len(space.stages) > 1:
                space.stages.pop(0)
            return self._state(space)

        @app.post("/api/spaces/{owner}/{name}/{kind}")
        async def setting(owner: str, name: str, kind: str, request: Request):
            space, body = self.spaces[f"{owner}/{name}"], await request.json()
            if kind == "hardware":
                space.hardware = body["flavor"]
                return self._state(space)
            getattr(space, kind)[body["key"]] = body["value"]
            return {body["key"]: {"key": body["key"], "value": body["value"]}} if kind == "variables" else {}

        @app.get("/api/spaces/{owner}/{name}/logs/{kind}")
        async def logs(kind: str):
            return Response(
                "".join(f"data: {json.dumps({'data': line})}\n\n" for line in self.log), media_type="text/event-stream"
            )

    def _state(self, space: Space) -> dict:
        stage, _, before = space.stages[0].partition(" of ")
        state = {
            "stage": stage,
            "hardware": {"current": space.hardware, "requested": space.hardware},
            "sha": space.order[-2] if before else space.head,
        }
        return {**state, "errorMessage": "Exit code: 1"} if "ERROR" in space.stages[0] else state

    def _git_lfs(self, app: FastAPI) -> None:
        @app.post("/{owner}/{name}.git/info/lfs/objects/batch")
        @app.post("/spaces/{owner}/{name}.git/info/lfs/objects/batch")
        async def batch(request: Request):
            def answer(one: dict) -> dict:
                upload = {"upload": {"href": f"{self.url}/lfs/{one['oid']}"}}
                return {**one} if one["oid"] in self.objects else {**one, "actions": upload}

            objects = [answer(one) for one in (await request.json())["objects"]]
            return JSONResponse({"transfer": "basic", "objects": objects}, media_type="application/vnd.git-lfs+json")

        @app.put("/lfs/{oid}")
        async def put(oid: str, request: Request):
            content = await request.body()
            if hashlib.sha256(content).hexdigest() != oid:
                return JSONResponse({"error": "wrong hash"}, 400)
            self.objects[oid] = content
            return {}

    def _xet(self, app: FastAPI) -> None:
        @app.get("/api/{kind}/{owner}/{name}/xet-write-token/{revision}")
        async def token():
            exp = int(time.time()) + 3600
            headers = {"X-Xet-Cas-Url": self.url, "X-Xet-Access-Token": "xet", "X-Xet-Token-Expiration": str(exp)}
            return JSONResponse({"casUrl": self.url, "accessToken": "xet", "exp": exp}, headers=headers)

        @app.post("/v1/xorbs/default/{key}")
        async def xorb(key: str, request: Request):
            self.xorbs[key] = chunks(await request.body())
            return {"was_inserted": True}

        @app.post("/v1/shards")
        async def shards(request: Request):
            for oid, content in read_shard(await request.body(), self.xorbs):
                assert hashlib.sha256(content).hexdigest() == oid
                self.objects[oid] = content
            return {"result": 1}

        @app.get("/v1/chunks/default/{key}")
        async def chunk(key: str):
            return JSONResponse({"error": "not found"}, 404)


def read_shard(shard: bytes, xorbs: dict[str, list[bytes]]):
    """SHA-256 and content of each file that a Xet shard describes: huggingface.co/docs/xet/shard."""
    at = 48  # after the header; each block below is 48 bytes
    while shard[at : at + 32] != b"\xff" * 32:
        flags, count = struct.unpack_from("<II", shard, at + 32)
        at, pieces = at + 48, []
        for _ in range(count):
            key = "".join(f"{word:016x}" for word in struct.unpack_from("<4Q", shard, at))
            first, last = struct.unpack_from("<II", shard, at + 40)
            pieces += xorbs[key][first:last]
            at += 48
        at += 48 * count * (flags >> 31 & 1)
        assert flags >> 30 & 1, "a file without its SHA-256 cannot be committed"
        yield "".join(f"{word:016x}" for word in struct.unpack_from("<4Q", shard, at)), b"".join(pieces)
        at += 48


def chunks(xorb: bytes) -> list[bytes]:
    """The chunks of a xorb, decompressed: huggingface.co/docs/xet/xorb."""
    at, found = 0, []
    while at < len(xorb) and not xorb.startswith(b"XETBLOB", at):
        packed, scheme, size = (
            int.from_bytes(xorb[at + 1 : at + 4], "little"),
            xorb[at + 4],
            int.from_bytes(xorb[at + 5 : at + 8], "little"),
        )
        data = xorb[at + 8 : at + 8 + packed]
        data = lz4.frame.decompress(data) if scheme else data
        if scheme == 2:  # bytes of four-byte groups stored apart
            groups, whole, begin = bytearray(size), size // 4 + (size % 4 > 0), 0
            for lane in range(4):
                length = whole if lane < (size % 4 or 4) else size // 4
                groups[lane::4] = data[begin : begin + length]
                begin += length
            data = bytes(groups)
        assert len(data) == size
        found.append(data)
        at += 8 + packed
    return found

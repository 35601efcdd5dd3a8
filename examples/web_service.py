"""Cut-outs over HTTP: an image goes in, a PNG comes out.

    pip install '.[soft]' fastapi uvicorn
    uvicorn examples.web_service:app --host 127.0.0.1 --port 8000
    curl --data-binary @photo.jpg http://127.0.0.1:8000/cutout -o cutout.png

What is bounded: the bytes and the pixels of an image, how many are worked on at a time, how many wait, and how long one
may take. A request holds the image itself; no address that it names is ever fetched.
"""

from __future__ import annotations

import queue
from collections.abc import AsyncIterator
from contextlib import ExitStack, asynccontextmanager

from fastapi import FastAPI, HTTPException, Request, Response
from starlette.concurrency import run_in_threadpool

from bgremove import BgremoveError, Settings, remove_background
from bgremove.errors import ImageError, ImageTooLargeError, TaskTimeoutError
from bgremove.formats import encode
from bgremove.preparation import Preparation
from bgremove.strategies import Strategy, Task, make_strategy

WORKERS = 2
MOST_WAITING = 8
MOST_BYTES = 20_000_000
TIMEOUT_S = 30.0
SETTINGS = Settings(max_pixels=24_000_000)


def cut(content: bytes) -> bytes:
    """What a worker does."""
    return encode(remove_background(content, settings=SETTINGS).image)


class Workers:
    """Worker processes, each of which does one image at a time and is replaced if it hangs or dies."""

    def __init__(self, count: int) -> None:
        self._stack = ExitStack()
        self._free: queue.SimpleQueue[Strategy] = queue.SimpleQueue()
        for _ in range(count):
            made = make_strategy(
                "processes", workers=1, timeout_s=TIMEOUT_S, worker_context=Preparation(SETTINGS.engine)
            )
            strategy = self._stack.enter_context(made)
            strategy.warm_up(cut)
            self._free.put(strategy)

    def cut(self, content: bytes) -> bytes:
        """The cut-out of one image; waits until a worker is free."""
        strategy = self._free.get()
        try:
            (outcome,) = strategy.run(cut, [Task(0, content, "the image")])
        finally:
            self._free.put(strategy)
        if outcome.value is None:
            raise outcome.error or BgremoveError("there is neither cut-out nor error")
        return outcome.value

    def close(self) -> None:
        """End all workers."""
        self._stack.close()


@asynccontextmanager
async def lifespan(app: FastAPI) -> AsyncIterator[None]:
    """Workers live as long as the service."""
    app.state.workers = await run_in_threadpool(Workers, WORKERS)
    app.state.busy = 0
    yield
    await run_in_threadpool(app.state.workers.close)


app = FastAPI(title="bgremove", lifespan=lifespan)


@app.post("/cutout")
async def cutout(request: Request) -> Response:
    """The cut-out of the image in the body, as PNG."""
    if app.state.busy >= WORKERS + MOST_WAITING:
        raise HTTPException(503, "too many images are waiting", {"Retry-After": "5"})
    app.state.busy += 1
    try:
        content = await run_in_threadpool(app.state.workers.cut, await body(request))
    except ImageTooLargeError as error:
        raise HTTPException(413, str(error)) from error
    except TaskTimeoutError as error:
        raise HTTPException(504, f"the image took longer than {TIMEOUT_S:.0f} s") from error
    except ImageError as error:
        raise HTTPException(422, str(error)) from error
    except BgremoveError as error:
        raise HTTPException(500, "the image could not be done") from error
    finally:
        app.state.busy -= 1
    return Response(content, media_type="image/png")


async def body(request: Request) -> bytes:
    """The body, of which no more is read than is allowed."""
    content = bytearray()
    async for chunk in request.stream():
        content += chunk
        if len(content) > MOST_BYTES:
            raise HTTPException(413, f"the image has more than {MOST_BYTES} bytes")
    return bytes(content)

import importlib
import io
import os
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from starlette.testclient import TestClient

from bgremove.errors import TaskTimeoutError, WorkerLostError
from tests.samples import save_scene

EXAMPLES = Path(__file__).parents[1] / "examples"

pytestmark = pytest.mark.whole_run


@pytest.fixture
def photo(tmp_path):
    save_scene(tmp_path / "photo.png", 1)
    return tmp_path / "photo.png"


def test_every_example_has_a_test():
    assert {file.stem for file in EXAMPLES.glob("*.py")} == {"library", "web_service", "hot_folder"}


def test_the_library_puts_an_object_on_another_background(photo, tmp_path, environment):
    line = [sys.executable, EXAMPLES / "library.py", photo, tmp_path / "out.png"]
    done = subprocess.run(line, env=environment, capture_output=True, text=True, check=True)
    assert "% of the image is object, inside (" in done.stdout
    with Image.open(tmp_path / "out.png") as image:
        assert image.getpixel((0, 0)) == (135, 206, 235)
    (tmp_path / "broken.png").write_text("x")
    done = subprocess.run(
        [*line[:2], tmp_path / "broken.png", tmp_path / "out2.png"],
        env=environment,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 1
    assert "broken.png" in done.stderr
    assert "Traceback" not in done.stderr


def test_a_hot_folder_cuts_out_what_is_put_into_it(tmp_path, environment):
    (tmp_path / "in").mkdir()
    line = [sys.executable, EXAMPLES / "hot_folder.py", tmp_path / "in", tmp_path / "out"]
    with subprocess.Popen(line, env=environment, stderr=subprocess.PIPE, text=True) as process:
        try:
            for number in (1, 2):
                save_scene(tmp_path / f"{number}.png", number)
                os.rename(tmp_path / f"{number}.png", tmp_path / "in" / f"{number}.png")
                until(lambda number=number: (tmp_path / "out" / f"{number}.png.png").exists())
        finally:
            process.send_signal(signal.SIGINT)
            told = process.communicate(timeout=60)[1]
    assert "stopped; what is written is whole" in told
    assert process.returncode == 0


def until(happened, limit_s=100):
    end_s = time.monotonic() + limit_s
    while not happened():
        assert time.monotonic() < end_s
        time.sleep(0.05)


@pytest.fixture(scope="module")
def service():
    """The web service with one worker, room for one more to wait, and small limits."""
    with pytest.MonkeyPatch.context() as patch:
        patch.syspath_prepend(EXAMPLES)  # where workers look for the example, too
        module = importlib.import_module("web_service")
        module.WORKERS, module.MOST_WAITING, module.MOST_BYTES = 1, 1, 100_000
        with TestClient(module.app) as client:
            yield module, client


def test_the_service_gives_a_cutout(service, photo):
    _, client = service
    answer = client.post("/cutout", content=photo.read_bytes())
    assert answer.status_code == 200
    assert answer.headers["content-type"] == "image/png"
    with Image.open(io.BytesIO(answer.content)) as image:
        alpha = np.asarray(image)[..., 3]
    assert set(np.unique(alpha)) == {0, 255}


def test_the_service_refuses_what_is_no_image_and_what_is_too_large(service):
    _, client = service
    assert client.post("/cutout", content=b"https://example.org/photo.jpg").status_code == 422
    assert client.post("/cutout", content=b"").status_code == 422
    assert client.post("/cutout", content=b"x" * 100_001).status_code == 413
    assert client.post("/cutout", content=(b"x" * 60_000 for _ in range(2))).status_code == 413
    huge = Image.new("1", (6000, 5000))
    file = io.BytesIO()
    huge.save(file, "PNG")
    answer = client.post("/cutout", content=file.getvalue())
    assert answer.status_code == 413
    assert "pixels" in answer.json()["detail"]


def test_the_service_lets_only_so_many_wait(service, photo, monkeypatch):
    _, client = service
    entered, go = threading.Semaphore(0), threading.Event()

    def slow(content):
        entered.release()
        assert go.wait(100)
        return b""

    monkeypatch.setattr(client.app.state.workers, "cut", slow)
    waiting = [threading.Thread(target=client.post, args=("/cutout",), kwargs={"content": b"x"}) for _ in range(2)]
    for thread in waiting:
        thread.start()
        assert entered.acquire(timeout=100)
    answer = client.post("/cutout", content=photo.read_bytes())
    go.set()
    for thread in waiting:
        thread.join()
    assert answer.status_code == 503
    assert answer.headers["retry-after"]
    assert client.app.state.busy == 0


@pytest.mark.parametrize(
    ("error", "status"), [(TaskTimeoutError("it ran longer"), 504), (WorkerLostError("it was killed"), 500)]
)
def test_an_image_that_takes_too_long_costs_itself_only(service, photo, monkeypatch, error, status):
    _, client = service

    def fail(content):
        raise error

    with monkeypatch.context() as patch:
        patch.setattr(client.app.state.workers, "cut", fail)
        assert client.post("/cutout", content=photo.read_bytes()).status_code == status
    assert client.post("/cutout", content=photo.read_bytes()).status_code == 200

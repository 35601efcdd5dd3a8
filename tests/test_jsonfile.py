import json
import os
import threading

import pytest

from bgremove.errors import OutputError, UsageError
from bgremove.files import check_writable, write_json_file
from tests.permissions import public_folder, unprivileged


def test_what_is_checked_is_written_into_folders_that_were_missing(tmp_path):
    path = tmp_path / "new/deep/report.json"
    check_writable(path, [])
    assert os.listdir(path.parent) == []
    for content in ({"a": 1}, {"a": "\udcff"}):
        write_json_file(path, content)
        assert json.loads(path.read_text("ascii")) == content
    assert os.listdir(path.parent) == ["report.json"]


def test_a_place_that_cannot_be_written_is_told_at_once(tmp_path):
    (tmp_path / "file").touch()
    with pytest.raises(OutputError, match=r"r\.json: it cannot be written"):
        check_writable(tmp_path / "file/r.json", [])
    with public_folder() as folder, unprivileged(), pytest.raises(OutputError, match="Permission denied"):
        check_writable(folder / "r.json", [])


def test_no_image_is_replaced_by_figures(tmp_path):
    image, planned = tmp_path / "a.jpg", tmp_path / "out.png"
    image.touch()
    (tmp_path / "link.json").symlink_to(image)
    for path in (image, planned, tmp_path / "link.json", tmp_path / "x/../a.jpg"):
        with pytest.raises(UsageError, match="is an input or an output of this run"):
            check_writable(path, [tmp_path / "absent.jpg", image, planned])
    check_writable(tmp_path / "other.json", [image, planned])


def test_a_link_is_followed_and_a_device_is_no_file_to_be_replaced(tmp_path):
    (tmp_path / "real.json").touch()
    (tmp_path / "link.json").symlink_to(tmp_path / "real.json")
    write_json_file(tmp_path / "link.json", {})
    assert (tmp_path / "real.json").read_text() == "{}\n"

    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)
    check_writable(pipe, [])
    read = []
    reader = threading.Thread(target=lambda: read.append(pipe.read_text()))
    reader.start()
    write_json_file(pipe, {"a": 1})
    reader.join()
    assert json.loads(read[0]) == {"a": 1}

"""A batch from one folder of a store to another: against a real server, with real processes."""

import pytest

from bgremove import remove_backgrounds

pytestmark = pytest.mark.whole_run


def test_a_batch_goes_from_folder_to_folder(bucket, photos, tmp_path):
    bucket.put_folder(photos, "in")
    records = remove_backgrounds(f"{bucket.url}/in/", f"{bucket.url}/out/", strategy="threads")
    assert [record.status for record in records] == ["ok"] * 6, records
    assert [key for key in bucket.listed() if key.startswith("out")] == [f"out/{n}.png" for n in range(6)]
    remove_backgrounds(photos, tmp_path, strategy="sequential")
    assert all(bucket.get(f"out/{n}.png") == (tmp_path / f"{n}.png").read_bytes() for n in range(6))

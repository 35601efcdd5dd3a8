"""A folder with two photographs and a table of rects, in which commands are tried."""

from pathlib import Path

from tests.image_files import quarters, saved


def make_folder(folder: Path) -> Path:
    (folder / "photos").mkdir()
    (folder / "empty").mkdir()
    for name in ("a.png", "photos/b.png"):
        (folder / name).write_bytes(saved(quarters(), "PNG"))
    (folder / "r.csv").write_text("path,x,y,width,height\nphotos/b.png,1,1,9,9\n")
    (folder / "leads_nowhere").symlink_to("nothing")
    return folder

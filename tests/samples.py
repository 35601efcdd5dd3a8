"""Images for tests of whole runs."""

from PIL import Image

from fixtures.scenes import make_scene


def save_scene(path, seed, height=60, width=80):
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(make_scene(height, width, seed).image[..., ::-1]).save(path)

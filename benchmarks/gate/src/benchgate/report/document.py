"""A page that holds all that it shows: one file without a script, which opens from a mail attachment."""

from collections.abc import Iterable, Sequence
from html import escape
from importlib.resources import files

from .. import __version__
from .plain import plain

#: Nothing is fetched and nothing is run, whatever an id or a message may hold.
_POLICY = "default-src 'none'; img-src data:; style-src 'unsafe-inline'"


def text(words: str) -> str:
    r"""Text of a project, as it may stand in HTML.

    >>> text("<b>\x1b")
    '&lt;b&gt;\\x1b'
    """
    return escape(plain(words))


def document(title: str, answer: str, sections: Sequence[tuple[str, str, Iterable[str]]]) -> str:
    """The whole page. `answer` is its headline; a section has an id, a heading and lines of HTML."""
    style = (files(__package__) / "page.css").read_text(encoding="utf-8")
    lines = ['<!DOCTYPE html>\n<html lang="en">\n<head>\n<meta charset="utf-8">']
    lines += ['<meta name="viewport" content="width=device-width, initial-scale=1">']
    lines += ['<meta name="color-scheme" content="light dark">']
    lines += [f'<meta http-equiv="Content-Security-Policy" content="{_POLICY}">', '<link rel="icon" href="data:,">']
    lines += [f"<title>{text(title)}</title>", f"<style>\n{style}</style>\n</head>\n<body>"]
    lines += ['<a class="skip" href="#main">Skip to the content</a>', f'<header>\n<p class="kind">{text(title)}</p>']
    lines += [f'<h1>{text(answer)}</h1>\n<nav aria-label="Sections"><ul>']
    lines += (f'<li><a href="#{name}">{text(heading)}</a></li>' for name, heading, _ in sections)
    lines += ['</ul></nav>\n</header>\n<main id="main" tabindex="-1">']
    for name, heading, content in sections:
        lines += [f'<section id="{name}">\n<h2>{text(heading)}</h2>', *content, "</section>"]
    lines += [
        f"</main>\n<footer>Made by benchgate {__version__}. This page fetches nothing.</footer>\n</body>\n</html>"
    ]
    return "\n".join(lines).encode("utf-8", "backslashreplace").decode() + "\n"


def table(caption: str, headings: Iterable[str], rows: Iterable[str]) -> list[str]:
    """A table that scrolls by itself where it is too wide; `rows` are whole rows of HTML."""
    named = text(caption)
    head = "".join(f'<th scope="col">{text(heading)}</th>' for heading in headings)
    return [
        f'<div class="scroll" tabindex="0" role="region" aria-label="{named}">\n<table><caption>{named}</caption>',
        f"<thead><tr>{head}</tr></thead>\n<tbody>",
        *rows,
        "</tbody></table>\n</div>",
    ]

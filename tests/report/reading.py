"""A page as a test reads it: its tags, its text, and the text of single elements."""

from __future__ import annotations

from html.parser import HTMLParser

VOID = {"meta", "img", "input", "br"}


class Page(HTMLParser):
    """tags: (name, attributes) in order. text: (path of open tags with classes, text)."""

    def __init__(self, source: str) -> None:
        super().__init__()
        self.source = source
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.text: list[tuple[str, str]] = []
        self.open: list[str] = []
        self.feed(source)
        assert self.open == [], "every element is closed"

    def handle_starttag(self, tag: str, attributes: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attributes)))
        if tag not in VOID:
            self.open.append(f"{tag}.{dict(attributes).get('class') or ''}")

    def handle_startendtag(self, tag: str, attributes: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attributes)))

    def handle_endtag(self, tag: str) -> None:
        assert self.open, tag
        assert self.open.pop().partition(".")[0] == tag

    def handle_data(self, data: str) -> None:
        if data.strip():
            self.text.append(("/".join(self.open), " ".join(data.split())))

    def within(self, element: str) -> list[str]:
        """The texts inside elements whose `tag.class` is or begins with `element`."""
        return [text for path, text in self.text if any(part.startswith(element) for part in path.split("/"))]

    def all(self, tag: str) -> list[dict[str, str | None]]:
        return [attributes for name, attributes in self.tags if name == tag]

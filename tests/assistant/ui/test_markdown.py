"""What a model wrote becomes HTML that loads nothing and runs nothing."""

from __future__ import annotations

from html.parser import HTMLParser

import pytest

from assistant.ui.markdown import render
from graphs.answer import SentenceSupport


class Tags(HTMLParser):
    def __init__(self, html: str) -> None:
        super().__init__()
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.open: list[str] = []
        self.broken = False
        self.feed(html)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))
        if tag not in {"br", "hr"}:
            self.open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        self.broken = self.broken or not self.open or self.open.pop() != tag


ATTACKS = [
    '<script>alert(1)</script>',
    '<img src=x onerror=alert(1)>',
    "<iframe src='https://evil.example'></iframe>",
    "[x](javascript:alert(1))",
    "[x](JaVaScRiPt:alert(1))",
    "[x](data:text/html;base64,PHNjcmlwdD4=)",
    "[x](//evil.example/steal)",
    "[x](file:///etc/passwd)",
    "![x](https://evil.example/pixel.png)",
    "![x](data:image/svg+xml;base64,PHN2Zz4=)",
    '[x](https://a.example "><script>alert(1)</script>")',
    '![" onload="alert(1)](https://evil.example/x)',
    "```\"><script>alert(1)</script>\ncode\n```",
    "`<script>alert(1)</script>`",
    "<svg/onload=alert(1)>",
    "| <img src=x onerror=alert(1)> |\n|---|\n| a |",
    "[x]: https://evil.example\n\n[x]",
    "<javascript:alert(1)>",
    "⸨<b onclick=alert(1)>⸩",
]  # fmt: skip


@pytest.mark.parametrize("attack", ATTACKS)
def test_nothing_runs_and_nothing_is_loaded(attack: str) -> None:
    for tag, attributes in Tags(render(attack)).tags:
        assert tag not in {"script", "img", "iframe", "svg", "object", "embed", "link", "style", "video", "audio"}
        assert not [name for name in attributes if name.startswith("on") or name in {"src", "srcset", "style"}]
        assert (attributes.get("href") or "https://").startswith(("https://", "http://", "mailto:"))


def test_links_leave_without_telling_where_from() -> None:
    html = render("[docs](https://example.org/a?b=1&c=2)")
    assert 'href="https://example.org/a?b=1&amp;c=2"' in html
    assert 'rel="noopener noreferrer nofollow"' in html


def test_markers_become_chips_and_others_stay_text() -> None:
    html = render("Yes [1], no [2].", {"[1]": "<i>chip</i>"})
    assert "<i>chip</i>" in html
    assert "[2]" in html


def test_markers_in_code_stay_text() -> None:
    assert "<i>" not in render("`a[1]`", {"[1]": "<i>chip</i>"})


def weak_in(text: str, part: str) -> list[SentenceSupport]:
    start = text.index(part)
    return [SentenceSupport(text=part, start=start, end=start + len(part), score=0.1, supported=False)]


def test_a_weak_sentence_is_marked_once_for_the_keyboard() -> None:
    text = "Sure. Not **so** sure. Sure."
    html = render(text, weak=weak_in(text, "Not **so** sure."))
    assert '<span class="weak" tabindex="0" aria-describedby="weak-note">Not </span>' in html
    assert html.count("tabindex") == 1
    assert '<strong><span class="weak">so</span></strong>' in html


@pytest.mark.parametrize(
    ("text", "part", "tag"),
    [
        ("- one\n- two", "- two", "<li>"),
        ("1. one\n2. two", "2. two", "<li>"),
        ("# Title\n\ntext", "# Title", "<h1"),
        ("> said", "> said", "<blockquote"),
        ("| a | b |\n|---|---|\n| c | d |", "| c | d |", "<td"),
        ("_all_ of it.", "_all_ of it.", "<em>"),
    ],
)
def test_marking_a_sentence_keeps_the_markdown_around_it(text: str, part: str, tag: str) -> None:
    html = render(text, weak=weak_in(text, part))
    assert tag in html
    assert 'class="weak"' in html
    assert not Tags(html).broken


def test_marks_stay_well_formed_across_emphasis() -> None:
    text = "**Bold. And more.** Plain."
    html = render(text, weak=weak_in(text, "And more.** Plain."))
    assert not Tags(html).broken


def test_a_weak_sentence_with_code_leaves_the_code_whole() -> None:
    text = "Call `f(1)` first."
    assert "<code>f(1)</code>" in render(text, weak=weak_in(text, text))


def test_offsets_outside_the_text_do_no_harm() -> None:
    stray = [SentenceSupport(text="x", start=90, end=120, score=0, supported=False)]
    assert "Short" in render("Short.", weak=stray)


def test_right_to_left_text_finds_its_own_direction() -> None:
    assert '<p dir="auto">' in render("مرحبا")

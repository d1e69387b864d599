"""One file without a network, in which every figure stands and no text of data is taken for HTML."""

import re
from html.parser import HTMLParser

import pytest
from drawn_records import build_store
from rich.console import Console
from scored_builds import write_figures

from flows.evaluation.scorecard.words import interval_of, value_of
from flows.evaluation.scorecard.writing import write_scorecard
from flows.figures.figure import Figure
from manifests.builds import finalise

VOID = {"meta", "link", "br", "rect", "img", "input"}


class Balanced(HTMLParser):
    """Text of a page whose elements close in order."""

    def __init__(self):
        super().__init__()
        self.open, self.words, self.ids, self.targets = [], [], [], []

    def handle_starttag(self, tag, attrs):
        told = dict(attrs)
        self.ids += [told["id"]] if "id" in told else []
        self.targets += [told["href"]] if "href" in told else []
        if tag not in VOID:
            self.open.append(tag)

    def handle_endtag(self, tag):
        if tag not in VOID:
            assert self.open.pop() == tag

    def handle_data(self, data):
        self.words.append(data)


def parsed(out):
    page = Balanced()
    page.feed((out / "scorecard.html").read_text("utf-8"))
    page.close()
    assert page.open == []
    return page


def test_every_figure_stands_on_it(full):
    card, out = full
    text = " ".join(" ".join(parsed(out).words).split())
    for part in card.parts:
        for row in part.measured:
            assert value_of(row, row.figure.value) in text
            assert interval_of(row) in text
        for row in part.open:
            assert row.title in text


def test_it_asks_for_nothing_from_elsewhere(full):
    _, out = full
    html = (out / "scorecard.html").read_text("utf-8")
    assert re.findall(r"https?://[^\s\"'<]+", html) == ["https://doi.org/10.1038/s44172-025-00450-1"]
    assert not re.search(r"<(?:script|link|img|iframe)|@import|url\(", html)


def test_its_links_lead_to_its_parts(full):
    _, out = full
    page = parsed(out)
    assert {t.removeprefix("#") for t in page.targets if t.startswith("#")} <= set(page.ids)
    assert len(page.ids) == len(set(page.ids))


@pytest.mark.parametrize("words", ["<script>alert(1)</script>", "`<b>", "{{ 7 * 7 }}"])
def test_text_of_data_is_text(tmp_path, words):
    store = build_store(tmp_path / "build")
    finalise(store)
    figure = Figure(words, words, 0.5, group=words, counts={words: 3}, note=words)
    file = write_figures(tmp_path, "evaluation", store, [figure, Figure("fd", words, None, note=words)])
    write_scorecard(
        store.url, {"evaluation": [file]}, str(tmp_path / "out"), 1000, False, Console(quiet=True)
    )
    html = (tmp_path / "out" / "scorecard.html").read_text("utf-8")
    assert "<script" not in html
    assert "<b>" not in html.replace("<b>How to read it.", "").replace("<b>c", "")
    parsed(tmp_path / "out")

"""HTML: what is text stays text."""

from __future__ import annotations

import base64

from neon_control.core.common.html import data_uri, element, escape, page, paragraph, table

SCRIPT = "<script>"


def test_an_element_has_its_attributes_under_the_names_of_html() -> None:
    assert element("p", "<b>x</b>", class_="note", data_beat="1") == '<p class="note" data-beat="1"><b>x</b></p>'
    assert element("div", "") == "<div></div>"


def test_a_table_has_a_line_of_headings_and_a_line_for_each_row() -> None:
    expected = "<table><tr><th>a</th><th>b</th></tr><tr><td>1</td><td>x</td></tr><tr><td>2</td><td>y</td></tr></table>"
    assert table(("a", "b"), [(1, "x"), (2, "y")]) == expected


def test_text_is_never_markup() -> None:
    text = escape(SCRIPT) + table([SCRIPT], [[SCRIPT]]) + paragraph([SCRIPT, SCRIPT]) + page(SCRIPT, "", "")
    assert SCRIPT not in text
    assert text.count("&lt;script&gt;") == 6


def test_a_page_holds_what_it_shows() -> None:
    assert page("t", "p{color:red}", "<p></p>").startswith('<!doctype html><html lang="en"><meta charset="utf-8"><title>t</title><style>p{')
    kind, _, data = data_uri("image/png", b"\x00\xff").partition(";base64,")
    assert (kind, base64.b64decode(data)) == ("data:image/png", b"\x00\xff")

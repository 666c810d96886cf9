"""CSS of mails through the cleaner."""

from __future__ import annotations

import pytest

from connector.content.css import Css


@pytest.mark.parametrize(
    ("source", "kept"),
    [
        ("color: red; margin: 0 auto", "color:red;margin:0 auto"),
        ("COLOR:RED!IMPORTANT", "color:RED !important"),
        ('font-family: "Segoe UI", Arial /* x */, sans-serif', 'font-family:"Segoe UI", Arial , sans-serif'),
        ("background: #fff url(https://x.example/a.png) no-repeat", "background-color:#fff"),
        ("background: url(https://x.example/a.png)", ""),
        ("background: linear-gradient(90deg, #fff 0%, rgba(0,0,0,.5))", "background-image:linear-gradient(90deg, #fff 0%, rgba(0,0,0,.5))"),
        ("width: calc(100% - 20px)", "width:calc(100% - 20px)"),
        ("position: fixed; z-index: 9; transform: scale(2); color: red", "color:red"),
        ("height: 100vh; min-height: calc(100dvh - 1px); width: 50vw", "width:50vw"),
        ("overflow: scroll", ""),
        ("overflow: hidden", "overflow:hidden"),
        ("width: expression(alert(1))", ""),
        ("color: \\72 ed", "color:red"),
        ('font-family: "\\22 ;x"', ""),
        ("color: red; } p { color: blue", "color:red"),
    ],
)
def test_declarations_are_written_anew(source: str, kept: str) -> None:
    """What is understood and on the list stays, in one way of writing."""
    assert Css().declarations(source) == kept


@pytest.mark.parametrize(
    ("source", "kept"),
    [
        (".a > b:hover, #x[title='y'] { color: red }", '.a > b:hover, #x[title="y"]{color:red}'),
        (
            "@media only screen and (max-width: 600px) { .w { width: 100% !important } }",
            "@media only screen and (max-width:600px){.w{width:100% !important}}",
        ),
        ("@import 'x'; @font-face { src: url(x) } @keyframes k { 0% { color: red } } p { color: red }", "p{color:red}"),
        ("@supports (display: grid) { p { color: red } } @page { margin: 0 }", ""),
        (".sm\\:x { color: red } b { color: red }", "b{color:red}"),
        ("<!-- p { color: red } -->", "p{color:red}"),
        ("p { } b { position: fixed }", ""),
        ("p { color: red", "p{color:red}"),
    ],
)
def test_sheet_is_written_anew(source: str, kept: str) -> None:
    """Rules and media queries stay, no other at-rule does."""
    assert Css().sheet(source) == kept


def test_sheet_of_a_medium_is_wrapped() -> None:
    """The attribute of the element becomes a query; one that says something else takes its sheet along."""
    assert Css().sheet("p{color:red}", "print") == "@media print{p{color:red}}"
    assert Css().sheet("p{color:red}", "url(x)") == ""


def test_css_tells_remote_pictures_and_dark_colours() -> None:
    """Pictures inside the mail are not remote; dark rules that are dropped are none."""
    css = Css()
    css.declarations("background:url(data:image/png;base64,AA)")
    css.sheet("@media (prefers-color-scheme: dark) { p { position: fixed } } @media (prefers-color-scheme: light) { p { color: red } }")
    assert (css.has_remote, css.is_dark) == (False, False)
    css.declarations("border-image:url(//x.example/a)")
    css.sheet("@media screen and (prefers-color-scheme : DARK) { p { color: #fff } }")
    assert css.has_remote
    assert css.sheet("@media (prefers-color-scheme:  dark) { p { color: #fff } }") == "@media (prefers-color-scheme:dark){p{color:#fff}}"
    assert css.is_dark


@pytest.mark.parametrize(
    "source", ["a{color:" + "(" * 100_000 + "}", "@media x{" * 50_000, "(" * 100_000, "a[" * 100_000, "a{b:c(" * 50_000]
)
def test_sheet_deep_blocks_end(source: str) -> None:
    """Blocks in blocks without end are no rules, and break nothing."""
    assert Css().sheet(source) == ""


def test_css_has_a_budget() -> None:
    """Parsing takes time by size; what is over the budget of a mail is dropped."""
    css = Css()
    assert css.sheet("p{color:red}" * 10_000)
    assert not css.sheet("p{color:red}" * 30_000)

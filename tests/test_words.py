"""The check of names and prose: what it finds, what it accepts, and that all files pass it."""

from __future__ import annotations

import importlib.util
import re
import sys
from pathlib import Path
from types import ModuleType

import pytest

ROOT = Path(__file__).parents[1]


def _load() -> ModuleType:
    spec = importlib.util.spec_from_file_location("words", ROOT / "tools" / "words.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules["words"] = module
    spec.loader.exec_module(module)
    return module


words = _load()
TABLE = words.read_table()


def uses(content: str, path: str = "module.py") -> list[tuple[int, str]]:
    return [(line, word.lower()) for line, word, _ in words.find_words(path, content, TABLE)]


@pytest.mark.parametrize(
    ("content", "word"),
    [
        ("x = 1\nclass HideTraces: ...\n", "traces"),
        ("x = 1\ndef hide_traces(x): ...\n", "traces"),
        ("x = 1\n_TOO_MUCH = 2\n", "too much"),
        ("x = 1\nself._calm = 2\n", "calm"),
        ("x = 1\ndef f(clarity): ...\n", "clarity"),
        ("x = 1\nfor still in y: ...\n", "still"),
        ("x = 1\nx = {'clarity': 1}\n", "clarity"),
    ],
)
def test_a_name_is_found_where_it_is_defined(content: str, word: str) -> None:
    assert uses(content) == [(2, word)]


@pytest.mark.parametrize(
    ("path", "content"),
    [
        ("module.py", "x = 1\n# an index that a device dies of\n"),
        ("module.py", "x = 1\n# an index that a device dies\n# of, too\n"),
        ("module.py", "x = 1\nraise E('what the device dies of')\n"),
        ("module.py", "x = 1\nraise E(f'what {x} dies of')\n"),
        ("module.py", "def f():\n    '''What a device dies of.'''\n"),
        ("page.md", "# Title\nWhat a device *dies\nof*.\n".replace("*", "")),
        ("page.md.j2", "{{ x }}\nwhat it dies of\n"),
        ("pyproject.toml", "x = 1\n# what it dies of\n"),
    ],
)
def test_a_phrase_is_found_in_prose(path: str, content: str) -> None:
    assert uses(content, path) == [(2, "dies of")]


def test_a_passage_over_two_lines_has_the_line_where_it_begins() -> None:
    assert uses("x = 1\n\n# dtype\n# of the\n# number\n# type\n") == [(5, "number type")]


@pytest.mark.parametrize(
    ("path", "content"),
    [
        ("module.py", "@pytest.mark.slow\ndef f(): ...\n"),  # not defined here
        ("module.py", "x.still()\nother.place(x, clarity=1)\n"),
        ("module.py", "# apart from the first, and still in place, `traces`\n"),
        ("module.py", "def unmarked(): ...\n"),
        (
            "page.md",
            "```text\na picture\n```\n~~~\ntold\n~~~\nand `picture`, [x](pictures/a.png)\n",
        ),
        ("page.md", "<!-- words: off -->\npicture\n<!-- words: on -->\n"),
        ("page.md", "Two decimal places; this takes place in place.\n"),
    ],
)
def test_a_correct_use_is_accepted(path: str, content: str) -> None:
    assert uses(content, path) == []


def test_names_of_files_are_checked() -> None:
    assert uses("", "docs/pictures/frames.md") == [(1, "pictures")]
    assert uses("", "examples/odd_leaf.py") == [(1, "odd leaf")]


def test_an_exemption_holds_only_where_it_says() -> None:
    word = words.Word(("ring",), "cycle", unless=(words.Exemption("a graph", paths=("a/*",)),))
    table = words.Table((word,), ())
    assert words.find_words("a/x.py", "ring = 1\n", table) == []
    assert words.find_words("b/x.py", "ring = 1\n", table) == [(1, "ring", "cycle")]


@pytest.mark.parametrize(
    ("name", "expected"),
    [("_hideTraces", "hide traces"), ("HSVFamily", "hsv family"), ("_TOO_MUCH", "too much")],
)
def test_names_are_split(name: str, expected: str) -> None:
    assert words.split_name(name) == expected


def test_every_exemption_has_a_reason() -> None:
    for word in TABLE.words:
        assert all(exemption.why for exemption in word.unless)


def test_no_form_is_listed_twice() -> None:
    forms = [form for word in TABLE.words for form in word.avoid]
    assert len(forms) == len(set(forms))


def test_the_glossary_shows_the_table() -> None:
    page = words.GLOSSARY.read_text("utf-8")
    assert words.glossary_table(TABLE) in page
    assert words.fill_glossary(page, TABLE) == page, "run: python tools/words.py --glossary"


def test_the_repository_uses_standard_terms(capsys: pytest.CaptureFixture[str]) -> None:
    assert words.main([]) == 0, capsys.readouterr().out


def test_a_word_is_reported_with_its_file_and_line(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    row = words.Word(("check",), "test", scope=("names",))
    monkeypatch.setattr(words, "read_table", lambda: words.Table((row,), ()))
    assert words.main(["Makefile", "tests/test_project.py"]) == 0
    row = words.Word(("budget",), "limit", scope=("names",))
    monkeypatch.setattr(words, "read_table", lambda: words.Table((row,), ()))
    assert words.main(["tests/test_project.py"]) == 1
    assert re.search(r"tests/test_project\.py:\d+: budget -> limit", capsys.readouterr().out)

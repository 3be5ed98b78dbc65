"""The code on the pages runs: README and docs/, top to bottom, each page in one namespace.

Blocks fenced as ``python`` run; with ``>>>`` prompts, their output is compared. A block that cannot
run has another language (``text``, ``console``) or the comment ``<!-- not run: why -->`` before it;
``<!-- file: name -->`` precedes the files of "write a plugin", which has its own test.
"""

from __future__ import annotations

import doctest
import re
from pathlib import Path

import pytest

import eqsets

ROOT = Path(__file__).parents[1]
COMMENT = r"^(?P<skip><!-- (?:not run|file): .+ -->\n+)?"
BLOCK = re.compile(COMMENT + r"```python\n(?P<code>.*?)^```$", re.MULTILINE | re.DOTALL)
FLAGS = doctest.ELLIPSIS | doctest.NORMALIZE_WHITESPACE
PATTERNS = ("README.md", "docs/**/*.md", "plugins/*/README.md")
PAGES = sorted(p for pattern in PATTERNS for p in ROOT.glob(pattern) if BLOCK.search(p.read_text()))


def blocks(page: Path) -> list[tuple[int, str]]:
    """Return the blocks of a page that run, as (line, code)."""
    text = page.read_text()
    result = [match for match in BLOCK.finditer(text) if not match["skip"]]
    return [(text.count("\n", 0, match.start("code")), match["code"]) for match in result]


def run(page: Path) -> None:
    """Run a page; raise AssertionError where its output differs from what it says."""
    namespace: dict[str, object] = {"__name__": page.stem}
    for line, code in blocks(page):
        if ">>> " not in code:
            exec(compile("\n" * line + code, page, "exec"), namespace)
            continue
        example = doctest.DocTestParser().get_doctest(code, namespace, page.name, str(page), line)
        runner = doctest.DocTestRunner(optionflags=FLAGS)
        output: list[str] = []
        runner.run(example, out=output.append, clear_globs=False)
        namespace.update(example.globs)
        assert not runner.failures, "".join(output)


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_page_runs(page: Path) -> None:
    run(page)


def test_a_page_with_wrong_output_fails(tmp_path: Path) -> None:
    page = tmp_path / "page.md"
    page.write_text("```python\nx = 1\n```\n\n```python\n>>> x + 1\n3\n```\n")
    with pytest.raises(AssertionError, match=r"Expected:\s+3\s+Got:\s+2"):
        run(page)
    page.write_text("<!-- not run: an example -->\n```python\n>>> x + 1\n3\n```\n")
    run(page)


@pytest.mark.parametrize(
    "name", sorted(set(eqsets.__all__) - {"Aggregation", "Group", "nn", "representations"})
)
def test_public_name_is_on_the_api_page(name: str) -> None:
    page = (ROOT / "docs" / "api.md").read_text()  # the others: with their modules
    assert re.search(rf"^.. auto\w+:: {name}$", page, re.MULTILINE)

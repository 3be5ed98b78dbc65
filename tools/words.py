"""Check that names and prose use standard terms: ``python tools/words.py [PATH ...]``.

The table of words is ``tools/words.toml``. Checked are

- identifiers where they are defined (functions, classes, arguments, variables, attributes),
  split at underscores and capitals; and the names of files and folders;
- prose: comments, docstrings, string literals, Markdown without its code, templates, configuration.

Each use of a word to avoid is printed as ``file:line: word -> standard term``; the exit status is
1 if there is any. Names of other libraries are not checked, because they are not defined here.
"""

from __future__ import annotations

import ast
import fnmatch
import io
import re
import subprocess
import sys
import tokenize
import tomllib
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import Any

ROOT = Path(__file__).parents[1]
TABLE = Path(__file__).with_suffix(".toml")
GLOSSARY = ROOT / "docs" / "glossary.md"

SUFFIXES = {".cfg", ".in", ".j2", ".md", ".py", ".toml", ".yaml", ".yml"}
CODE_OF_MARKDOWN = re.compile(r"^(?P<fence>`{3,}|~{3,}).*?^(?P=fence)`*$", re.DOTALL | re.MULTILINE)
INLINE_CODE = re.compile(r"``.+?``|`[^`\n]+`|https?://\S+|\]\([^)\s]+\)", re.DOTALL)
OFF = re.compile(r"<!-- words: off.*?<!-- words: on -->", re.DOTALL)


@dataclass(frozen=True)
class Exemption:
    """A use that is correct: a context (regular expression), files (globs), or both.

    Arguments:
        why: the reason.
        text: the use is correct inside a match of this.
        paths: the use is correct in these files.
        scope: ``names``, ``prose`` or both.
    """

    why: str
    text: str = ""
    paths: tuple[str, ...] = ("*",)
    scope: tuple[str, ...] = ("names", "prose")

    def covers(self, use: Use) -> bool:
        """Whether this exemption holds for a use."""
        if use.scope not in self.scope or not _matches(use.path, self.paths):
            return False
        contexts = re.finditer(self.text or ".+", use.text, re.IGNORECASE | re.DOTALL)
        return any(c.start() <= use.start and use.end <= c.end() for c in contexts)


@dataclass(frozen=True)
class Word:
    """A row of the table.

    Arguments:
        avoid: the forms of the word; ``~`` stands for up to four words in between.
        use: the standard term.
        scope: ``names``, ``prose`` or both.
        whole: whether only a name that consists of the word alone is meant.
        unless: correct uses.
    """

    avoid: tuple[str, ...]
    use: str
    scope: tuple[str, ...] = ("names", "prose")
    whole: bool = False
    unless: tuple[Exemption, ...] = ()

    @property
    def pattern(self) -> re.Pattern[str]:
        """A regular expression that matches all forms."""
        forms = (re.escape(form).replace(r"\ \~\ ", r"(?:\W+\w+){0,4}\W+") for form in self.avoid)
        one_of = "|".join(form.replace(r"\ ", r"\s+") for form in forms)
        return re.compile(rf"(?<![\w-])(?:{one_of})(?!\w)", re.IGNORECASE)


@dataclass(frozen=True)
class Text:
    """A piece of a file: one name (``scope`` is ``names``) or a passage of prose."""

    scope: str
    text: str
    line: int


@dataclass(frozen=True)
class Use:
    """A word of the table in a piece of a file."""

    path: str
    scope: str
    text: str
    start: int
    end: int


@dataclass(frozen=True)
class Table:
    """The words, and which files they hold for."""

    words: tuple[Word, ...]
    excluded: tuple[str, ...]
    not_yet: tuple[str, ...] = ()


def read_table(path: Path = TABLE) -> Table:
    """Read the table of words."""
    content = tomllib.loads(path.read_text(encoding="utf-8"))
    files = content.get("files", {})
    return Table(
        tuple(_word(row) for row in content["word"]),
        tuple(files.get("excluded", ())),
        tuple(files.get("not_yet", ())),
    )


def _word(row: dict[str, Any]) -> Word:
    unless = tuple(Exemption(**_tuples(exemption)) for exemption in row.pop("unless", ()))
    return Word(**_tuples(row), unless=unless)


def _tuples(row: dict[str, Any]) -> dict[str, Any]:
    return {key: tuple(value) if isinstance(value, list) else value for key, value in row.items()}


def _matches(path: str, patterns: Iterable[str]) -> bool:
    return any(fnmatch.fnmatch(path, pattern) for pattern in patterns)


def glossary_table(table: Table) -> str:
    """Return the words as the Markdown table of docs/glossary.md."""
    lines = ["| avoid | use | in |", "|---|---|---|"]
    for word in table.words:
        forms = ", ".join(form.replace(" ~ ", " ... ") for form in word.avoid)
        whole = ", alone" if word.whole else ""
        lines.append(f"| {forms} | {word.use} | {', '.join(word.scope)}{whole} |")
    return "\n".join(lines) + "\n"


def fill_glossary(text: str, table: Table) -> str:
    """Return the text of the glossary page with the current table."""
    block = f"<!-- words: off -->\n\n{glossary_table(table)}\n<!-- words: on -->"
    return OFF.sub(lambda _: block, text)


def split_name(name: str) -> str:
    """Split an identifier into lower-case words: ``_hideTraces_2`` to ``hide traces 2``."""
    spaced = re.sub(r"(?<=[a-z0-9])(?=[A-Z])|(?<=[A-Z])(?=[A-Z][a-z])", " ", name)
    return " ".join(spaced.replace("_", " ").split()).lower()


def texts_of(path: str, content: str) -> Iterator[Text]:
    """Yield the names and the prose of a file."""
    if path.endswith(".py"):
        yield from _texts_of_python(content)
    else:
        if path.endswith(".md"):
            content = _without(CODE_OF_MARKDOWN, _without(OFF, content))
        yield Text("prose", _without(INLINE_CODE, content), 1)


def _without(pattern: re.Pattern[str], text: str) -> str:
    """Blank out matches, so that positions and line numbers stay."""
    return pattern.sub(lambda match: re.sub(r"[^\n]", "\0", match.group()), text)


def _texts_of_python(content: str) -> Iterator[Text]:
    for node in ast.walk(ast.parse(content)):
        yield from (Text("names", split_name(n), line) for n, line in _defined(node))
        if isinstance(node, ast.Constant) and isinstance(node.value, str):
            if re.fullmatch(r"[A-Za-z_]\w*", node.value):
                yield Text("names", split_name(node.value), node.lineno)
            else:
                yield Text("prose", _without(INLINE_CODE, node.value), node.lineno)
    yield from _comments(content)


def _comments(content: str) -> Iterator[Text]:
    """Yield comments; lines of one comment are one passage."""
    lines: list[str] = []
    last = 0
    for token in tokenize.generate_tokens(io.StringIO(content).readline):
        if token.type != tokenize.COMMENT:
            continue
        if lines and token.start[0] != last + 1:
            yield Text("prose", _without(INLINE_CODE, "\n".join(lines)), last - len(lines) + 1)
            lines = []
        lines.append(token.string.removeprefix("#"))
        last = token.start[0]
    if lines:
        yield Text("prose", _without(INLINE_CODE, "\n".join(lines)), last - len(lines) + 1)


def _defined(node: ast.AST) -> Iterator[tuple[str, int]]:
    """Yield the names that a node of the syntax tree defines."""
    match node:
        case ast.FunctionDef() | ast.AsyncFunctionDef() | ast.ClassDef():
            yield node.name, node.lineno
        case ast.arg():
            yield node.arg, node.lineno
        case ast.Name(ctx=ast.Store()):
            yield node.id, node.lineno
        case ast.Attribute(ctx=ast.Store()):
            yield node.attr, node.lineno
        case ast.ExceptHandler(name=str(name)) | ast.MatchAs(name=str(name)):
            yield name, node.lineno
        case ast.alias(asname=str(name)):
            yield name, node.lineno


def find_words(path: str, content: str, table: Table) -> list[tuple[int, str, str]]:
    """Return the uses of words to avoid in one file, as (line, the word, the standard term)."""
    names = [Text("names", split_name(part.partition(".")[0]), 1) for part in _parts(path)]
    uses = {
        (text.line + text.text.count("\n", 0, use.start), _flat(text.text, use), word.use)
        for text in (*names, *texts_of(path, content))
        for word in table.words
        for use in _uses(path, text, word)
        if not any(exemption.covers(use) for exemption in word.unless)
    }
    return sorted(uses)


def _parts(path: str) -> Sequence[str]:
    return PurePosixPath(path).parts


def _flat(text: str, use: Use) -> str:
    return " ".join(text[use.start : use.end].split())


def _uses(path: str, text: Text, word: Word) -> Iterator[Use]:
    if text.scope not in word.scope:
        return
    for match in word.pattern.finditer(text.text):
        if text.scope == "names" and word.whole and match.group() != text.text:
            continue
        yield Use(path, text.scope, text.text, match.start(), match.end())


def tracked_files(table: Table) -> Iterator[str]:
    """Yield the files of the repository that the table holds for."""
    listed = subprocess.check_output(["git", "ls-files"], cwd=ROOT, text=True).splitlines()
    for path in listed:
        if _matches(path, (*table.excluded, *table.not_yet)) or not (ROOT / path).is_file():
            continue
        if PurePosixPath(path).suffix in SUFFIXES or PurePosixPath(path).name == "Makefile":
            yield path


def main(arguments: Sequence[str]) -> int:
    """Check the files whose paths begin with one of the arguments; without any, all files.

    ``--glossary`` writes the table into docs/glossary.md instead.
    """
    table = read_table()
    if list(arguments) == ["--glossary"]:
        GLOSSARY.write_text(fill_glossary(GLOSSARY.read_text("utf-8"), table), "utf-8")
        return 0
    if arguments:
        table = Table(table.words, table.excluded)
    wrong = 0
    for path in tracked_files(table):
        if arguments and not path.startswith(tuple(arguments)):
            continue
        content = (ROOT / path).read_text(encoding="utf-8")
        for line, word, use in find_words(path, content, table):
            print(f"{path}:{line}: {word} -> {use}")
            wrong += 1
    if wrong:
        print(f"{wrong} words to avoid. tools/words.toml says what is exempt, and why.")
    return int(bool(wrong))


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))

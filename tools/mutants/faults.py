"""Where faults come from: a table that was written by hand, and operators of cosmic-ray by seed.

A fault is one file with one changed text. Faults of operators that change no executed code (texts,
annotations) are left out.
"""

from __future__ import annotations

import ast
import hashlib
import random
import tomllib
import warnings
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

__all__ = ["Fault", "generic", "planted"]

HERE = Path(__file__).parent
_OPERATORS = (
    "AddNot",
    "NumberReplacer",
    "ReplaceAndWithOr",
    "ReplaceBinaryOperator_Add_Sub",
    "ReplaceBinaryOperator_Div_Mul",
    "ReplaceBinaryOperator_FloorDiv_Mul",
    "ReplaceBinaryOperator_Mod_Add",
    "ReplaceBinaryOperator_Mul_Add",
    "ReplaceBinaryOperator_Mul_Div",
    "ReplaceBinaryOperator_Pow_Mul",
    "ReplaceBinaryOperator_Sub_Add",
    "ReplaceComparisonOperator_Eq_NotEq",
    "ReplaceComparisonOperator_Gt_LtE",
    "ReplaceComparisonOperator_GtE_Gt",
    "ReplaceComparisonOperator_Is_IsNot",
    "ReplaceComparisonOperator_IsNot_Is",
    "ReplaceComparisonOperator_Lt_LtE",
    "ReplaceComparisonOperator_LtE_Lt",
    "ReplaceFalseWithTrue",
    "ReplaceOrWithAnd",
    "ReplaceTrueWithFalse",
    "ReplaceUnaryOperator_Delete_Not",
    "ReplaceUnaryOperator_Delete_USub",
    "ZeroIterationForLoop",
)


@dataclass(frozen=True)
class Fault:
    """One changed text in one file.

    Attributes:
        name: what was done, in words or as an operator.
        path: of the file, in the repository.
        line: where it was done.
        before: the text that was there.
        after: the text that is there instead.
        source: the whole mutated file.
        law: the id of the law that is expected to fail, if any: it is tried first.
    """

    name: str
    path: str
    line: int
    before: str
    after: str
    source: str
    law: str = ""

    @property
    def id(self) -> str:
        """Return a key that stays while the texts do."""
        key = (self.path, self.before, self.after)
        return hashlib.sha1(repr(key).encode()).hexdigest()[:12]


def planted(root: Path) -> Iterator[Fault]:
    """Yield the faults of ``planted.toml``, with a warning for those that are out of date."""
    for entry in tomllib.loads((HERE / "planted.toml").read_text())["fault"]:
        source = (root / entry["path"]).read_text()
        before, after = entry["before"], entry["after"]
        if source.count(before) != 1:
            warnings.warn(
                f"planted fault {entry['name']!r} is left out: its text is {source.count(before)} "
                f"times in {entry['path']}, expected once. Bring planted.toml up to date.",
                stacklevel=2,
            )
            continue
        mutated = source.replace(before, after)
        ast.parse(mutated)
        line = source[: source.index(before)].count("\n") + 1
        law = entry.get("law", "")
        yield Fault(entry["name"], entry["path"], line, before, after, mutated, law)


def generic(root: Path, paths: list[str], count: int, seed: int) -> Iterator[Fault]:
    """Yield ``count`` faults by operators of cosmic-ray, drawn by seed over all lines of ``paths``.

    Raises:
        ImportError: cosmic-ray is not installed.
    """
    from cosmic_ray.mutating import mutate_code
    from cosmic_ray.plugins import get_operator

    rng, seen = random.Random(seed), set[str]()
    sources = {path: (root / path).read_text() for path in paths}
    weights = [source.count("\n") for source in sources.values()]
    for _ in range(200 * count):
        if len(seen) == count:
            return
        path = rng.choices(paths, weights)[0]
        name, source = rng.choice(_OPERATORS), sources[path]
        mutated = mutate_code(source, get_operator(f"core/{name}")(), rng.randrange(12))
        if mutated is None or _executed(mutated) in ("", _executed(source)):
            continue
        line, before, after = _difference(source, mutated)
        only_keyword = before.startswith(("def ", "*,")) or after == before.replace("*, ", "/, ")
        if "strict=" in before or only_keyword:
            continue  # the lengths agree, or only how an argument may be passed changes
        fault = Fault(name, path, line, before, after, mutated)
        if fault.id not in seen:
            seen.add(fault.id)
            yield fault


def _executed(source: str) -> str:
    """Return the code without texts and annotations, or nothing where it cannot be parsed."""
    try:
        tree = ast.parse(source)
    except SyntaxError:
        return ""
    for node in ast.walk(tree):
        if isinstance(node, ast.FunctionDef):
            node.returns = None
        if isinstance(node, ast.arg):
            node.annotation = None
        if isinstance(node, ast.AnnAssign):
            node.annotation = ast.Constant(None)
        if isinstance(node, ast.JoinedStr):
            node.values = []
        if isinstance(node, ast.Constant) and isinstance(node.value, str) and " " in node.value:
            node.value = ""
    return ast.dump(tree)


def _difference(source: str, mutated: str) -> tuple[int, str, str]:
    pairs = zip(source.splitlines(), mutated.splitlines(), strict=False)
    for number, (before, after) in enumerate(pairs, 1):
        if before != after:
            return number, before.strip(), after.strip()
    return 0, "", ""

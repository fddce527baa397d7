"""Find calls that run what a file says, in source text: a gate against oversights, no sandbox.

Names are followed through imports, aliases, plain assignments, `getattr` and `vars` with a literal,
and `sys.modules`. What is only mentioned counts as called, because nobody can see its arguments.
"""

import ast
import json
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from unsafe_names import (
    ALLOWED,
    COMPUTED,
    CONDITIONS,
    FORBIDDEN,
    HARMLESS,
    KEYWORDS,
    LITERAL,
    METHODS,
)

ROOT = Path(__file__).parents[2]
READERS = (  # of files that others wrote, where no check may be an assert
    "kenspeckle/backbones.py",
    "kenspeckle/checkpoint.py",
    "kenspeckle/config.py",
    "kenspeckle/data/corrections.py",
    "kenspeckle/data/decode.py",
    "kenspeckle/data/place.py",
    "kenspeckle/data/sources/",
    "kenspeckle/model_file.py",
    "kenspeckle/models/",
    "kenspeckle/onnx_check.py",
    "kenspeckle/onnx_model.py",
    "kenspeckle/predictions.py",
    "kenspeckle/protobuf.py",
    "kenspeckle/run_folder.py",
    "kenspeckle/runlog.py",
    "kenspeckle/storage.py",
)
FOLDERS = ("kenspeckle", "scripts", "benchmarks", "examples")
LISTED = ("tests/cifar_files.py",)  # what writes hostile or foreign files for the tests by name
_BUILTINS = ("eval", "exec", "compile", "__import__", "getattr", "vars", "globals", "locals")


@dataclass(frozen=True, order=True)
class Finding:
    """One unsafe call."""

    path: str
    line: int
    name: str  # dotted, with all aliases resolved
    why: str

    def __str__(self) -> str:
        return f"{self.path}:{self.line}: {self.name} {self.why}"


def sources() -> Iterator[tuple[str, str]]:
    """The path and the text of all code that is looked at, notebooks included."""
    for folder in FOLDERS:
        for path in sorted((ROOT / folder).rglob("*.py")):
            yield str(path.relative_to(ROOT)), path.read_text(encoding="utf-8")
        for path in sorted((ROOT / folder).rglob("*.ipynb")):
            yield str(path.relative_to(ROOT)), notebook_code(path.read_text(encoding="utf-8"))
    for name in LISTED:
        yield name, (ROOT / name).read_text(encoding="utf-8")


def notebook_code(text: str) -> str:
    """The Python of all cells of a notebook."""
    lines = [
        line
        for cell in json.loads(text)["cells"]
        if cell["cell_type"] == "code"
        for line in "".join(cell["source"]).splitlines()
    ]
    return "\n".join("pass" if line.startswith(("%", "!")) else line for line in lines)


def unsafe_calls(source: str, path: str = "here.py") -> list[Finding]:
    """All findings in `source`, allowed ones included, in the order of its lines."""
    tree = ast.parse(source)
    names = _Names(tree)
    found = set()
    for node in ast.walk(tree):
        for name, why in _findings(node, names):
            if name != "assert" or path.startswith(READERS):
                found.add(Finding(path, getattr(node, "lineno", 0), name, why))
    return sorted(found, key=lambda finding: (finding.line, finding.name))


def is_allowed(finding: Finding) -> bool:
    """Whether `ALLOWED` names this place."""
    return any(finding.path == path and _covers(name, finding.name) for path, name in ALLOWED)


def _covers(name: str, found: str) -> bool:
    return found == name or found.startswith(f"{name}.")


class _Names:
    """What each name and attribute of a module may mean, as dotted names from the top."""

    def __init__(self, tree: ast.Module) -> None:
        self.meanings: dict[str, set[str]] = {name: {name} for name in _BUILTINS}
        self.calls = {id(node.func): node for node in ast.walk(tree) if isinstance(node, ast.Call)}
        for node in ast.walk(tree):
            if isinstance(node, ast.Import):
                for alias in node.names:
                    target = alias.name if alias.asname else alias.name.partition(".")[0]
                    self._learn(alias.asname or target, {target})
            elif isinstance(node, ast.ImportFrom):
                for alias in node.names:
                    self._learn(alias.asname or alias.name, {f"{node.module}.{alias.name}"})
        size = -1
        while size != (size := sum(map(len, self.meanings.values()))):  # aliases of aliases
            for node in ast.walk(tree):
                self._assigned(node)

    def _learn(self, name: str, meanings: set[str]) -> None:
        self.meanings.setdefault(name, set()).update(meanings)

    def _assigned(self, node: ast.AST) -> None:
        if isinstance(node, ast.Assign):
            pairs = [(target, node.value) for target in node.targets]
        elif isinstance(node, ast.AnnAssign | ast.NamedExpr) and node.value:
            pairs = [(node.target, node.value)]
        elif isinstance(node, ast.withitem) and node.optional_vars:
            pairs = [(node.optional_vars, node.context_expr)]
        else:
            return
        for target, value in pairs:
            if isinstance(target, ast.Tuple | ast.List) and isinstance(value, ast.Tuple | ast.List):
                for one, other in zip(target.elts, value.elts, strict=False):
                    self._learn(ast.unparse(one), self.of(other))
            elif found := self.of(value):
                self._learn(ast.unparse(target), found)

    def of(self, node: ast.expr) -> set[str]:
        """The dotted names that an expression may mean; empty where that cannot be told."""
        known = self.meanings.get(ast.unparse(node), set())
        if isinstance(node, ast.Attribute):
            return known | {f"{owner}.{node.attr}" for owner in self.of(node.value)}
        if isinstance(node, ast.NamedExpr):
            return self.of(node.value)
        if isinstance(node, ast.IfExp):
            return self.of(node.body) | self.of(node.orelse)
        if isinstance(node, ast.Subscript):
            return known | self._item(node)
        if isinstance(node, ast.Call):
            return known | self._called(node)
        return known

    def _item(self, node: ast.Subscript) -> set[str]:
        """Of `sys.modules["x"]`, `vars(x)["y"]`, `x.__dict__["y"]`."""
        key, place = _text(node.slice), node.value
        if not key:
            return set()
        if self.of(place) & {"sys.modules"}:
            return {key}
        if isinstance(place, ast.Call) and self.of(place.func) & {"globals", "locals"}:
            return self.meanings.get(key, {key})
        if isinstance(place, ast.Call) and self.of(place.func) & {"vars"} and place.args:
            return {f"{owner}.{key}" for owner in self.of(place.args[0])}
        if isinstance(place, ast.Attribute) and place.attr == "__dict__":
            return {f"{owner}.{key}" for owner in self.of(place.value)}
        return {key} if ast.unparse(place) == "__builtins__" else set()

    def _called(self, node: ast.Call) -> set[str]:
        """Of `getattr(x, "y")`, `import_module("x")`, `__import__("x")`, `attrgetter("y")(x)`."""
        function, texts = self.of(node.func), [_text(each) for each in node.args]
        if "getattr" in function and len(texts) > 1 and texts[1]:
            return {f"{owner}.{texts[1]}" for owner in self.of(node.args[0])}
        if function & set(LITERAL) and texts and texts[0]:
            return {texts[0]}
        inner = node.func
        if isinstance(inner, ast.Call) and inner.args and node.args:
            is_getter = "operator.attrgetter" in self.of(inner.func)
            if is_getter and (name := _text(inner.args[0])):
                return {f"{owner}.{name}" for owner in self.of(node.args[0])}
        return set()


def _text(node: ast.expr) -> str:
    is_text = isinstance(node, ast.Constant) and isinstance(node.value, str)
    return node.value if is_text else ""


def _findings(node: ast.AST, names: _Names) -> Iterator[tuple[str, str]]:
    if isinstance(node, ast.Import):
        for alias in node.names:
            yield from _forbidden(alias.name)
    elif isinstance(node, ast.ImportFrom):
        for alias in node.names:
            yield from _imported(str(node.module), alias.name)
    elif isinstance(node, ast.Name | ast.Attribute | ast.Subscript | ast.Call):
        for name in names.of(node):
            yield from _mentioned(node, name, names)
    if isinstance(node, ast.Attribute) and node.attr in METHODS:
        yield f".{node.attr}", METHODS[node.attr]
    if isinstance(node, ast.Call):
        yield from _arguments(node, names)
    if isinstance(node, ast.Name) and node.id == "__builtins__":
        yield "__builtins__", COMPUTED
    if isinstance(node, ast.Assert) and not _narrows(node.test):
        yield "assert", "does nothing under `python -O`; raise an error"


def _narrows(test: ast.expr) -> bool:
    """Whether a test only tells the type checker what is known: no check of what a file says."""
    if isinstance(test, ast.BoolOp):
        return all(map(_narrows, test.values))
    if isinstance(test, ast.Compare):
        return ast.unparse(test).endswith(" is not None")
    is_instance = isinstance(test, ast.Call) and ast.unparse(test.func) == "isinstance"
    return is_instance or isinstance(test, ast.Name | ast.Attribute)


def _forbidden(name: str) -> Iterator[tuple[str, str]]:
    if any(_covers(harmless.removesuffix(".*"), name) for harmless in HARMLESS):
        return
    for pattern, why in FORBIDDEN.items():
        if name == pattern or (pattern.endswith(".*") and _covers(pattern[:-2], name)):
            yield name, why


def _imported(module: str, name: str) -> Iterator[tuple[str, str]]:
    if name != "*":
        yield from _forbidden(f"{module}.{name}")
        return
    known = [*FORBIDDEN, *CONDITIONS, *LITERAL]
    if any(each.rpartition(".")[0] == module for each in known):
        yield f"{module}.*", "brings in names that nobody can follow"


def _mentioned(node: ast.expr, name: str, names: _Names) -> Iterator[tuple[str, str]]:
    if isinstance(node, ast.Attribute | ast.Name) and isinstance(node.ctx, ast.Store):
        return
    yield from _forbidden(name)
    call = names.calls.get(id(node))
    if name in CONDITIONS:
        keyword, is_safe, why = CONDITIONS[name]
        given = {each.arg: each.value for each in call.keywords} if call else {}
        if not is_safe(given.get(keyword)):
            yield f"{name} without {keyword}", why
    if name in LITERAL and not (call and call.args and _text(call.args[0])):
        yield name, COMPUTED


def _arguments(node: ast.Call, names: _Names) -> Iterator[tuple[str, str]]:
    for keyword in node.keywords:
        if keyword.arg in KEYWORDS:
            value, why = KEYWORDS[keyword.arg]
            if not (isinstance(keyword.value, ast.Constant) and keyword.value.value is value):
                yield keyword.arg, why
        if keyword.arg is None and isinstance(keyword.value, ast.Dict):
            for key, given in zip(keyword.value.keys, keyword.value.values, strict=True):
                if key and (word := _text(key)) in KEYWORDS:
                    value, why = KEYWORDS[word]
                    if not (isinstance(given, ast.Constant) and given.value is value):
                        yield word, why
    if "getattr" in names.of(node.func) and len(node.args) > 1 and not _text(node.args[1]):
        # of a module that has something forbidden, by a name that cannot be read here
        for owner in names.of(node.args[0]):
            known = [*FORBIDDEN, *CONDITIONS, *LITERAL]
            if any(each.startswith(f"{owner}.") for each in known):
                yield f"getattr({owner})", COMPUTED

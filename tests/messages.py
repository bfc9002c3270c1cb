"""Lists every text that a user can see, by where it appears: `python -m tests.messages [WORD…]`.

Read it as a whole before you add or change a message: one word for one thing; what happened, to which PO, what to do.
"""

from __future__ import annotations

import ast
import dataclasses
import itertools
import re
import sys
from pathlib import Path
from typing import Final

ROOT: Final = Path(__file__).parent.parent
_LEFT_OUT: Final = ("po_pw/demo/", "po_pw/portals/vocabulary.py")
"""The demo portal, whose pages say what portals say, and the words that pages are searched for."""
_CODE: Final = re.compile(
    r"\(\?|\\[bdsw]|\b(?:SELECT|INSERT|DELETE|UPDATE|CREATE|ALTER|PRAGMA|BEGIN)\b|=>|\[[\w-]+[=\]^*]|%[sd]"
)
"""Regular expressions, SQL, JavaScript, selectors."""
_TEXT: Final = re.compile(r"[^\W\d_]{2,}[,.:;)\"'\N{RIGHT SINGLE QUOTATION MARK}]* \S|\S [^\W\d_]{2,}")
HELP: Final = "1 help"
RUN: Final = "3 reasons in the results, and other texts of a run"
BY_CALL: Final = {
    "Notice": "2 said while a run goes on",
    "Stopping": "2 said while a run goes on",
    "Progress": "2 said while a run goes on",
    "Failure": "3 reasons in the results",
    "InputError": "4 bad input",
    "ValueError": "4 bad input",
    "MachineError": "5 what ends a run",
    "ProfileError": "5 what ends a run",
    "LoginRequiredError": "5 what ends a run",
    "StoppedError": "5 what ends a run",
}
BY_FOLDER: Final = {
    "orders": "4 bad input",
    "settings.py": "4 bad input",
    "cli": "6 on the screen",
    "auth": "7 signing in",
    "doctor": "8 doctor",
    "maintenance": "9 status and verify",
    "results": "9 tables",
    "scenarios.py": "9 validate",
}


@dataclasses.dataclass(frozen=True, slots=True, order=True)
class Message:
    """A text, with placeholders in braces."""

    group: str
    file: str
    line: int
    text: str


def every(root: Path = ROOT) -> list[Message]:
    """All messages of the package below `root`, by group, file and line."""
    found: set[Message] = set()
    for path in (root / "po_pw").rglob("*.py"):
        file = path.relative_to(root).as_posix()
        if not file.startswith(_LEFT_OUT):
            collector = _Collector(file)
            collector.visit(ast.parse(path.read_text("utf-8")), BY_FOLDER.get(file.split("/")[1], RUN))
            found.update(collector.found)
    return sorted(found)


class _Collector:
    """Collects the texts of one file."""

    def __init__(self, file: str) -> None:
        self.found: list[Message] = []
        self._file = file
        self._raised: dict[str, str] = {}
        """Of the function that is visited: the group of each variable that is raised."""

    def visit(self, node: ast.AST, group: str) -> None:
        """Collects what is below a node; `group` unless something there says better where the text is met."""
        match node:
            case ast.Expr(value=ast.Constant()) | ast.AnnAssign(annotation=ast.Name(id="TypeAlias")):
                return  # docstrings, types
            case ast.Tuple(elts=parts) | ast.List(elts=parts) | ast.Set(elts=parts) if all(
                isinstance(part, ast.Constant) for part in parts
            ):
                return  # words that pages are searched for
            case ast.Call(func=called) if _name(called) in {"compile", "evaluate", "execute", "locator"}:
                return  # code
            case ast.Constant(value=str() as text):
                self._add(node.lineno, group, text)
            case ast.JoinedStr():
                self._add(node.lineno, group, _rendered(node))
                return
            case ast.FunctionDef() | ast.AsyncFunctionDef():
                self._function(node, group)
                return
            case ast.Assign(targets=[ast.Name(id=name)]) | ast.AugAssign(target=ast.Name(id=name)):
                group = self._raised.get(name, group)
            case ast.Call(func=called):
                group = BY_CALL.get(_name(called), group)
            case ast.keyword(arg="help" | "prompt"):
                group = HELP
            case _:
                pass
        self._below(node, group)

    def _function(self, node: ast.FunctionDef | ast.AsyncFunctionDef, group: str) -> None:
        outer, self._raised = self._raised, dict(_raised(node))
        if "typer." in ast.unparse(node.args):  # a command: its docstring is its help
            self._add(node.lineno, HELP, ast.get_docstring(node) or "")
        self._below(node, group)
        self._raised = outer

    def _below(self, node: ast.AST, group: str) -> None:
        for child in ast.iter_child_nodes(node):
            self.visit(child, group)

    def _add(self, line: int, group: str, text: str) -> None:
        if _TEXT.search(text) and not _CODE.search(text):
            self.found.append(Message(group, self._file, line, " ".join(text.split())))


def _raised(function: ast.AST) -> list[tuple[str, str]]:
    """Variables that are raised as the message of an error, and where such errors are met."""
    calls = [node.exc for node in ast.walk(function) if isinstance(node, ast.Raise) and isinstance(node.exc, ast.Call)]
    pairs = [(argument, BY_CALL.get(_name(call.func), "")) for call in calls for argument in call.args[:1]]
    return [(argument.id, group) for argument, group in pairs if isinstance(argument, ast.Name) and group]


def _name(called: ast.expr) -> str:
    return called.attr if isinstance(called, ast.Attribute) else getattr(called, "id", "")


def _rendered(node: ast.JoinedStr) -> str:
    return "".join(
        str(part.value) if isinstance(part, ast.Constant) else f"{{{ast.unparse(part.value)}}}"
        for part in node.values
        if isinstance(part, (ast.Constant, ast.FormattedValue))
    )


def main(words: list[str]) -> None:
    """Prints the messages that contain one of the words; all messages without words."""
    wanted = [one for one in every() if not words or any(word.lower() in one.text.lower() for word in words)]
    for group, messages in itertools.groupby(wanted, key=lambda one: one.group):
        print(f"\n## {group}")  # noqa: T201 - this is a command
        for one in messages:
            print(f"{one.file}:{one.line}  {one.text}")  # noqa: T201


if __name__ == "__main__":
    main(sys.argv[1:])

"""Enumerates the mutants of a file: one figure, sign, comparison, extremum or side changed in its tree.

Left alone: text (labels, messages, f-strings), whatever is raised, annotations, and the ``-1`` of a
``reshape`` (any negative number means the same there).
"""

import ast
import copy
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

OPERATORS = {ast.Add: ast.Sub, ast.Sub: ast.Add, ast.Mult: ast.Div, ast.Div: ast.Mult}
COMPARISONS = {ast.Lt: ast.Gt, ast.Gt: ast.Lt, ast.LtE: ast.Gt, ast.GtE: ast.Lt}
EXTREMA = {"max": "min", "min": "max"}
METHODS = EXTREMA | {"maximum": "minimum", "minimum": "maximum", "positive": "short", "short": "positive"}
SIDES = {"below": "above", "above": "below", "neg": "pos", "pos": "neg"}
SHORT = 70  # characters of an expression that a key of a survivor shows whole


@dataclass(frozen=True)
class Mutant:
    """One change: ``new`` in the stead of ``old``, a child of ``parent`` in the tree of ``root``."""

    place: str
    line: int
    key: tuple[str, str, str]  # module, function, old text -> new text
    root: ast.Module
    parent: ast.AST
    old: ast.AST
    new: ast.AST

    def tree(self) -> ast.Module:
        """The tree with the change made in place, for good."""
        replace(self.parent, self.old, self.new)
        return ast.fix_missing_locations(self.root)


def replace(parent: ast.AST, old: ast.AST, new: ast.AST) -> None:
    """Put ``new`` where ``old`` stands among the children."""
    for field, value in ast.iter_fields(parent):
        if value is old:
            setattr(parent, field, new)
        elif isinstance(value, list):
            value[:] = [new if item is old else item for item in value]


@dataclass(frozen=True)
class Spot:
    """A node with what stands around it: its parent, the function, the name that it is given."""

    node: ast.AST
    parent: ast.AST
    function: str = ""
    name: str = ""


def spots(spot: Spot) -> Iterator[Spot]:
    """Every node that may change, from the top; text and what is raised are left out."""
    node, function = spot.node, spot.function
    if isinstance(node, (ast.Raise, ast.JoinedStr, ast.Import, ast.ImportFrom)) or "label" in name_of(node):
        return
    yield spot
    if isinstance(node, (ast.FunctionDef, ast.ClassDef)):
        function = f"{function}.{node.name}".strip(".")
    if is_unknown_length(node, spot.parent):
        return
    for field, value in ast.iter_fields(node):
        for i, child in enumerate(value if isinstance(value, list) else [value]):
            if isinstance(child, ast.AST) and field not in {"annotation", "returns", "ctx", "op", "ops"}:
                yield from spots(Spot(child, node, function, given_name(node, field, i) or spot.name))


def given_name(node: ast.AST, field: str, i: int) -> str:
    """The name that a child is given: an argument's, a variable's, a key of a dictionary."""
    match node:
        case ast.keyword(arg=str() as name):
            return name
        case ast.Assign(targets=[target]) | ast.AnnAssign(target=target):
            return ast.unparse(target)
        case ast.Dict(keys=keys) if field == "values" and keys[i] is not None:
            return ast.unparse(keys[i])
    return ""


def name_of(node: ast.AST) -> str:
    """Name of a function or of what is called."""
    if isinstance(node, ast.Call):
        return getattr(node.func, "attr", getattr(node.func, "id", ""))
    return node.name if isinstance(node, ast.FunctionDef) else ""


def is_unknown_length(node: ast.AST, parent: ast.AST) -> bool:
    return isinstance(node, ast.UnaryOp) and isinstance(node.op, ast.USub) and name_of(parent) == "reshape"


def changed(node: ast.AST, **fields: Any) -> ast.AST:
    new = copy.copy(node)
    for name, value in fields.items():
        setattr(new, name, value)
    return new


def changes(node: ast.AST) -> Iterator[ast.AST]:
    """What a node may become."""
    match node:
        case ast.Constant(value=int() | float() as value) if not isinstance(value, bool):
            yield changed(node, value=value + 1 if isinstance(value, int) else value * 1.25 + 0.01)
        case ast.BinOp(op=op) | ast.AugAssign(op=op) if type(op) in OPERATORS:
            yield changed(node, op=OPERATORS[type(op)]())
        case ast.UnaryOp(op=ast.USub(), operand=operand):
            yield operand
        case ast.Compare(ops=ops):
            for i, op in enumerate(ops):
                if type(op) in COMPARISONS:
                    yield changed(node, ops=[*ops[:i], COMPARISONS[type(op)](), *ops[i + 1 :]])
        case ast.Name(id=name, ctx=ast.Load()) if name in EXTREMA:
            yield changed(node, id=EXTREMA[name])
        case ast.Attribute(attr=name, value=value) if name in METHODS:
            if not (isinstance(value, ast.Name) and value.id in {"check", "self"}):  # check.positive refuses
                yield changed(node, attr=METHODS[name])
        case ast.Call(keywords=keywords):
            sides = {k.arg: ast.unparse(k.value) for k in keywords if k.arg in SIDES}
            if any(value != sides.get(SIDES[side]) for side, value in sides.items()):
                swapped = [changed(k, arg=SIDES[k.arg]) if k.arg in SIDES else k for k in keywords]
                yield changed(node, keywords=swapped)


def text(spot: Spot, new: ast.AST) -> str:
    """The change as people read it: the expression around it if short, otherwise the node with its name."""
    node, parent = spot.node, spot.parent
    name = f"{spot.name}: " if spot.name and len(spot.name) <= SHORT else ""
    whole = not isinstance(parent, ast.Dict) and not hasattr(parent, "body")
    if whole and len(old := ast.unparse(parent).strip()) <= SHORT:
        replace(parent, node, new)
        found = f"{old} -> {ast.unparse(parent).strip()}"
        replace(parent, new, node)
        return f"{name}{found}" if isinstance(parent, ast.UnaryOp) else found
    return f"{name}{ast.unparse(node)} -> {ast.unparse(new)}"


def mutants_of(path: Path, place: str) -> Iterator[Mutant]:
    """All mutants of a file, from the top; equal texts of one function are numbered."""
    root = ast.parse(path.read_text())
    seen: Counter[tuple[str, str]] = Counter()
    for spot in spots(Spot(root, root)):
        for new in changes(spot.node):
            known = (spot.function, text(spot, new))
            seen[known] += 1
            number = f" #{seen[known]}" if seen[known] > 1 else ""
            key = (path.stem, known[0], f"{known[1]}{number}")
            yield Mutant(place, spot.node.lineno, key, root, spot.parent, spot.node, new)

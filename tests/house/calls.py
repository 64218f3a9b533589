"""Which of our functions a piece of our code leads to, read from the source.

A call is followed where it can be told from the source what is called: by name, through modules, on `self`, and on
values whose class stands in an annotation, a construction or a return. What cannot be told is not followed, so that
a path that is found is there; one that is missed must be named by the test that asks.
"""

from __future__ import annotations

import ast
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path

from tests.house import tree


@dataclass(frozen=True)
class Ref:
    """What an expression stands for: a module, a function, a class, or an instance of a class."""

    kind: str
    name: str


@dataclass
class Kind:
    """One class: its bases, what it defines, and how its fields are annotated."""

    module: str
    bases: list[ast.expr]
    methods: dict[str, ast.FunctionDef | ast.AsyncFunctionDef] = field(default_factory=dict)
    fields: dict[str, ast.expr] = field(default_factory=dict)


@dataclass
class Source:
    """One module: what each name in it stands for."""

    names: dict[str, Ref] = field(default_factory=dict)
    aliases: dict[str, ast.expr] = field(default_factory=dict)


@dataclass(frozen=True)
class Place:
    """Where an expression stands: its module, and what is known of the local names there."""

    module: str
    local: dict[str, Ref]


@dataclass
class Calls:
    """Everything that our modules define, and what leads where."""

    sources: dict[str, Source] = field(default_factory=dict)
    kinds: dict[str, Kind] = field(default_factory=dict)
    functions: dict[str, ast.FunctionDef | ast.AsyncFunctionDef] = field(default_factory=dict)

    def reaches(self, start: str, goal: str) -> bool:
        """Whether a function, by `module:qualified.name`, leads to another."""
        return start in self.functions and self.leads(self.edges(start), goal)

    def leads(self, starts: Iterable[str], goal: str) -> bool:
        """Whether any of these functions is the goal or leads to it."""
        waiting, seen = list(starts), set[str]()
        while waiting:
            here = waiting.pop()
            if here == goal:
                return True
            if here not in seen:
                seen.add(here)
                waiting.extend(self.edges(here))
        return False

    def edges(self, function: str) -> Iterator[str]:
        """The functions that one names in its body."""
        if node := self.functions.get(function):
            place = self.place(function)
            for statement in node.body:
                yield from self.named_in(statement, place)

    def named_in(self, node: ast.AST, place: Place) -> Iterator[str]:
        """The functions that a piece of code names, whether it calls them or hands them on."""
        for each in ast.walk(node):
            if isinstance(each, ast.Name | ast.Attribute):
                yield from self._functions_of(self.ref(each, place))

    def place(self, function: str) -> Place:
        """What is known of a function's local names: from annotations, and from what is assigned to them."""
        module, _, qualified = function.partition(":")
        node, local = self.functions[function], dict[str, Ref]()
        place = Place(module, local)
        arguments = [*node.args.posonlyargs, *node.args.args, *node.args.kwonlyargs]
        owner = f"{module}:{qualified.rpartition('.')[0]}"
        if arguments and owner in self.kinds:
            local[arguments[0].arg] = Ref("instance", owner)
        for each in arguments:
            if each.annotation is not None and (found := self._annotated(each.annotation, module)):
                local[each.arg] = found
        for statement in ast.walk(node):
            match statement:
                case ast.Assign(targets=[ast.Name(id=name)], value=value):
                    if found := self.ref(value, place):
                        local[name] = found
        return place

    def ref(self, node: ast.expr, place: Place) -> Ref | None:
        """What an expression stands for, as far as the source tells."""
        match node:
            case ast.Name(id=name):
                return place.local.get(name) or self._in_module(place.module, name)
            case ast.Attribute(value=value, attr=name):
                base = self.ref(value, place)
                return self._member(base, name) if base else None
            case ast.Call(func=called):
                return self._result(self.ref(called, place))
        return None

    def _functions_of(self, found: Ref | None) -> Iterator[str]:
        if found and found.kind in ("function", "property"):
            yield found.name
        elif found and found.kind == "class" and found.name in self.kinds:
            for made in ("__init__", "__post_init__", "__enter__"):
                if made in self.kinds[found.name].methods:
                    yield f"{found.name}.{made}"

    def _in_module(self, module: str, name: str) -> Ref | None:
        if module not in self.sources:
            return None
        known = self.sources[module].names.get(name)
        if known and known.kind == "import":
            origin, _, what = known.name.rpartition(":")
            inside = f"{origin}.{what}"
            return Ref("module", inside) if inside in self.sources else self._in_module(origin, what)
        inside = f"{module}.{name}"
        return known or (Ref("module", inside) if inside in self.sources else None)

    def _member(self, base: Ref, name: str) -> Ref | None:
        if base.kind == "module":
            return self._in_module(base.name, name)
        if base.kind == "property":
            base = self._result(Ref("function", base.name)) or base
        kind = self.kinds.get(base.name)
        if base.kind not in ("class", "instance") or kind is None:
            return None
        if method := kind.methods.get(name):
            shown = [each.id for each in method.decorator_list if isinstance(each, ast.Name)]
            return Ref("property" if "property" in shown else "function", f"{base.name}.{name}")
        if annotation := kind.fields.get(name):
            return self._annotated(annotation, kind.module)
        parents = (self.ref(each, Place(kind.module, {})) for each in kind.bases)
        return next((found for parent in parents if parent and (found := self._member(parent, name))), None)

    def _result(self, called: Ref | None) -> Ref | None:
        if called is None or called.kind == "class":
            return called and Ref("instance", called.name)
        node = self.functions.get(called.name)
        if node is None or node.returns is None:
            return None
        return self._annotated(node.returns, called.name.partition(":")[0])

    def _annotated(self, node: ast.expr, module: str) -> Ref | None:
        match node:
            case ast.Subscript(value=ast.Name(id="Annotated"), slice=ast.Tuple(elts=[inner, *_])):
                return self._annotated(inner, module)
            case ast.BinOp(left=left, op=ast.BitOr()):
                return self._annotated(left, module)
            case ast.Constant(value=str(text)):
                return self._annotated(ast.parse(text, mode="eval").body, module)
        found = self.ref(node, Place(module, {})) if isinstance(node, ast.Name | ast.Attribute) else None
        if found and found.kind == "alias":
            origin, _, name = found.name.partition(":")
            return self._annotated(self.sources[origin].aliases[name], origin)
        return Ref("instance", found.name) if found and found.kind == "class" else None


@cache
def ours() -> Calls:
    """The calls of all our rooms."""
    calls = Calls()
    for path in tree.modules():
        learn(calls, path)
    return calls


def learn(calls: Calls, path: Path) -> None:
    """Add what one file defines."""
    parts = path.relative_to(tree.ROOT).with_suffix("").parts
    learn_source(calls, ".".join(parts[:-1] if parts[-1] == "__init__" else parts), tree.parsed(path))


def learn_source(calls: Calls, module: str, parsed: ast.Module) -> None:
    """Add what a module of this name defines."""
    source = calls.sources[module] = Source()
    for node in ast.walk(parsed):
        match node:
            case ast.ImportFrom(module=str(origin), names=names, level=0):
                source.names |= {each.asname or each.name: Ref("import", f"{origin}:{each.name}") for each in names}
            case ast.Import(names=names):
                source.names |= {each.asname or each.name: Ref("module", each.name) for each in names}
    for node in parsed.body:
        match node:
            case ast.FunctionDef() | ast.AsyncFunctionDef():
                calls.functions[f"{module}:{node.name}"] = node
                source.names[node.name] = Ref("function", f"{module}:{node.name}")
            case ast.ClassDef():
                _learn_class(calls, module, node)
            case ast.Assign(targets=[ast.Name(id=name)], value=value):
                source.aliases[name] = value
                source.names[name] = Ref("alias", f"{module}:{name}")


def _learn_class(calls: Calls, module: str, node: ast.ClassDef) -> None:
    name = f"{module}:{node.name}"
    kind = calls.kinds[name] = Kind(module, node.bases)
    calls.sources[module].names[node.name] = Ref("class", name)
    for each in node.body:
        match each:
            case ast.FunctionDef() | ast.AsyncFunctionDef():
                kind.methods[each.name] = calls.functions[f"{name}.{each.name}"] = each
                if each.name == "__init__":
                    kind.fields |= _kept(each)
            case ast.AnnAssign(target=ast.Name(id=target), annotation=annotation):
                kind.fields[target] = annotation


def _kept(init: ast.FunctionDef | ast.AsyncFunctionDef) -> dict[str, ast.expr]:
    """The annotations of arguments that `__init__` keeps as `self.<name> = <name>`."""
    said = {each.arg: each.annotation for each in init.args.args + init.args.kwonlyargs if each.annotation}
    kept: dict[str, ast.expr] = {}
    for node in ast.walk(init):
        match node:
            case ast.Assign(targets=[ast.Attribute(attr=name)], value=ast.Name(id=given)) if given in said:
                kept[name] = said[given]
    return kept

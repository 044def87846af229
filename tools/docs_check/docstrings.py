"""What is wrong with the numpydoc docstring of a public function, method, property or class."""

from __future__ import annotations

import ast
import builtins
import dataclasses
import inspect
import re
import textwrap
from collections.abc import Callable, Iterator
from types import ModuleType
from typing import Any

import attrs
from numpydoc.docscrape import NumpyDocString, Parameter

from pose3d_ros import errors


def public_objects(module: ModuleType) -> Iterator[tuple[str, object]]:
    """The functions and classes of `__all__`, and the public methods and properties that the classes define."""
    names: list[str] = module.__all__
    for name in names:
        item = getattr(module, name)
        if inspect.isfunction(item) or inspect.isclass(item):
            yield f"{module.__name__}.{name}", item
        if inspect.isclass(item):
            fields = getattr(item, "__dataclass_fields__", {})
            for member, value in vars(item).items():
                if member in fields:
                    continue
                function = value.__func__ if isinstance(value, (classmethod, staticmethod)) else value
                if (not member.startswith("_") or member == "__call__") and _has_docstring_of_its_own(function):
                    yield f"{module.__name__}.{name}.{member}", function


def _has_docstring_of_its_own(value: object) -> bool:
    return inspect.isfunction(value) or isinstance(value, property)


def problems(item: object) -> list[str]:
    """What is missing, superfluous or unreadable; empty if nothing is."""
    text = inspect.getdoc(item)
    if not text or (inspect.isclass(item) and not item.__doc__):
        return ["no docstring"]
    try:
        doc = NumpyDocString(text)
    except ValueError as error:
        return [str(error)]
    found = [] if " ".join(doc["Summary"]).endswith(".") else ["the first sentence has no period"]
    if inspect.isclass(item):
        return [*found, *_fields_problems(item, doc)]
    if isinstance(item, property):
        return found
    assert inspect.isfunction(item)
    return [*found, *_parameter_problems(item, doc), *_return_problems(item, doc), *_raise_problems(item, doc)]


def _fields_problems(item: type, doc: NumpyDocString) -> Iterator[str]:
    """Fields of a record, or parameters of a constructor, under `Attributes` or `Parameters`."""
    fields: set[str] = set()
    if dataclasses.is_dataclass(item):
        fields = {field.name for field in dataclasses.fields(item) if not field.name.startswith("_")}
    elif attrs.has(item):
        fields = {field.name for field in attrs.fields(item) if not field.name.startswith("_")}
    elif "__init__" in vars(item) and not issubclass(item, BaseException):
        fields = set(list(inspect.signature(item.__init__).parameters)[1:])
    documented = {name for entry in (*doc["Parameters"], *doc["Attributes"]) for name in _names(entry)}
    yield from (f"{name} is not documented" for name in sorted(fields - documented))
    known = fields | set(dir(item)) | set(re.findall(r"\bself\.(\w+)\b[^=\n]* = ", inspect.getsource(item)))
    yield from (f"{name} is documented and does not exist" for name in sorted(documented - known))


def _names(entry: Parameter) -> list[str]:
    return [name.strip().lstrip("*") for name in entry.name.split(",")]


def _parameter_problems(function: Callable[..., Any], doc: NumpyDocString) -> Iterator[str]:
    parameters = [name for name in inspect.signature(function).parameters if name not in ("self", "cls")]
    documented = [name for entry in (*doc["Parameters"], *doc["Other Parameters"]) for name in _names(entry)]
    if parameters != documented:
        yield f"parameters: expected {', '.join(parameters) or 'none'}, documented {', '.join(documented) or 'none'}"
    yield from (f"{entry.name} has no type" for entry in doc["Parameters"] if not entry.type)
    yield from (f"{entry.name} has no description" for entry in doc["Parameters"] if not entry.desc)


def _return_problems(function: Callable[..., Any], doc: NumpyDocString) -> Iterator[str]:
    returned = inspect.signature(function).return_annotation
    gives = returned not in (None, "None", "NoReturn")
    has = bool(doc["Returns"] or doc["Yields"])
    if gives != has:
        yield "no section Returns" if gives else "a section Returns, and nothing is returned"


def _raise_problems(function: Callable[..., Any], doc: NumpyDocString) -> Iterator[str]:
    """Errors raised in the body itself are documented, and documented ones exist."""
    documented = {name for entry in doc["Raises"] for name in (entry.name or entry.type).split(", ")}
    tree = ast.parse(textwrap.dedent(inspect.getsource(function)))
    raised = {_raised(node) for node in ast.walk(tree) if isinstance(node, ast.Raise)}
    names = {name for name in raised if name and hasattr(errors, name)}
    yield from (f"{name} is raised and not documented" for name in sorted(names - documented))
    known = {name for name in documented if hasattr(errors, name) or hasattr(builtins, name)}
    yield from (f"{name} is documented and is no error" for name in sorted(documented - known))


def _raised(node: ast.Raise) -> str | None:
    error = node.exc.func if isinstance(node.exc, ast.Call) else node.exc
    return error.id if isinstance(error, ast.Name) else None

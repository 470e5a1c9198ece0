"""What GPT-SoVITS' training programs read, found in their sources: variables, arguments, keys of their configurations.

    python -m tests.support.upstream_programs CHECKOUT > tests/data/gpt_sovits_programs.json

Only names are kept, so that the call of each program can be tested without the programs.
"""

from __future__ import annotations

import ast
import json
import subprocess
import sys
import warnings
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import yaml

from backend.voices.upstream import S1_BASE, S2_BASE, STAGES

S2_READERS = ("GPT_SoVITS/s2_train.py",)
S1_READERS = (
    "GPT_SoVITS/s1_train.py",
    "GPT_SoVITS/AR/models/t2s_lightning_module.py",
    "GPT_SoVITS/AR/models/t2s_model.py",
    "GPT_SoVITS/AR/data/data_module.py",
)
LIBRARIES = {
    "GPT_SoVITS/s2_train.py": ("GPT_SoVITS/module/data_utils.py",),
    "GPT_SoVITS/s1_train.py": ("GPT_SoVITS/AR/data/dataset.py",),
}
"""Modules of a program that read variables as well."""
ARGUMENT_READERS = {"GPT_SoVITS/s2_train.py": "GPT_SoVITS/utils.py", "GPT_SoVITS/s1_train.py": "GPT_SoVITS/s1_train.py"}


def environment(tree: ast.AST) -> set[str]:
    """Variables that are read: os.environ.get("x"), os.environ["x"], "x" in os.environ."""
    found = set()
    for node in ast.walk(tree):
        match node:
            case ast.Call(func=ast.Attribute(value=value, attr="get"), args=[ast.Constant(value=name), *_]) if is_environ(value):
                found.add(name)
            case ast.Subscript(value=value, slice=ast.Constant(value=name), ctx=ast.Load()) if is_environ(value):
                found.add(name)
            case ast.Compare(left=ast.Constant(value=name), ops=[ast.In()], comparators=[value]) if is_environ(value):
                found.add(name)
    return found


def is_environ(node: ast.expr) -> bool:
    return ast.unparse(node) == "os.environ"


def arguments(tree: ast.AST) -> set[str]:
    """Long options of an argparse parser."""
    calls = (node for node in ast.walk(tree) if isinstance(node, ast.Call) and ast.unparse(node.func).endswith("add_argument"))
    values = (arg.value for call in calls for arg in call.args if isinstance(arg, ast.Constant))
    return {value for value in values if value.startswith("--")}


def attributes(tree: ast.AST, root: str) -> set[str]:
    """a.b of every root.a.b that is read."""
    found = set()
    for node in ast.walk(tree):
        if isinstance(node, ast.Attribute) and (text := ast.unparse(node)).startswith(f"{root}."):
            parts = text.split(".")[1:]
            if all(part.isidentifier() for part in parts):
                found.add(".".join(parts[:2]))
    groups = {name.split(".")[0] for name in found if "." in name}
    return {name for name in found if name not in groups}


def keys(tree: ast.AST, root: str) -> set[str]:
    """a.b of every root["a"]["b"] and root["a"].get("b")."""

    def path(node: ast.expr) -> list[str] | None:
        match node:
            case ast.Name(id=name) if name == root:
                return []
            case ast.Attribute(attr=attr) if attr == root:
                return []
            case ast.Subscript(value=value, slice=ast.Constant(value=str(key))):
                before = path(value)
            case ast.Call(func=ast.Attribute(value=value, attr="get"), args=[ast.Constant(value=str(key)), *_]):
                before = path(value)
            case _:
                return None
        return None if before is None else [*before, key]

    paths = [found for node in ast.walk(tree) if isinstance(node, ast.expr) and (found := path(node))]
    groups = {found[0] for found in paths if len(found) > 1}
    return {".".join(found) for found in paths if len(found) > 1 or found[0] not in groups}


def flat(config: dict[str, Any]) -> Iterator[str]:
    for key, value in config.items():
        if isinstance(value, dict):
            yield from (f"{key}.{inner}" for inner in value)
        else:
            yield key


def read(checkout: Path) -> dict[str, Any]:
    def tree(name: str) -> ast.AST:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # theirs, and not ours to mend
            return ast.parse((checkout / name).read_text(encoding="utf-8"))

    commit = subprocess.run(["git", "rev-parse", "HEAD"], cwd=checkout, capture_output=True, text=True, check=True).stdout.strip()
    return {
        "commit": commit,
        "environment": {
            stage.program: sorted(
                set().union(*(environment(tree(name)) for name in (stage.program, *LIBRARIES.get(stage.program, ()))))
            )
            for stage in STAGES
        },
        "arguments": {name: sorted(arguments(tree(reader))) for name, reader in ARGUMENT_READERS.items()},
        "s2_read": sorted(set().union(*(attributes(tree(name), "hps") for name in S2_READERS))),
        "s1_read": sorted(set().union(*(keys(tree(name), "config") for name in S1_READERS))),
        "s2_base": sorted(flat(json.loads((checkout / S2_BASE).read_text(encoding="utf-8")))),
        "s1_base": sorted(flat(yaml.safe_load((checkout / S1_BASE).read_text(encoding="utf-8")))),
    }


if __name__ == "__main__":
    print(json.dumps(read(Path(sys.argv[1])), indent=1))

"""What the app uses of msgraph-sdk: some 90 of its 16,700 modules.

    python tools/trim_sdk.py SITE [APP]     checks that the SDK in SITE is enough for the app in APP

The SDK is a tree of request builders. Each imports the next one, and the models of its typed answers, inside
the method that needs it. So this follows imports as Python does, but enters a function only where its name is
used as an attribute, in the app or in what was reached before. Names are compared, not types, so that some
modules are kept too many. Typed answers (`await builder.get()`) are what is lost: the app reads JSON.
`tools/package.py --vendor` deletes the rest, then runs the check.

Exit status: 0 enough, 2 something is missing or has moved, with the line of the app that asks for it.
"""  # noqa: INP001 - a script, not a package

import argparse
import ast
import importlib
import importlib.util
import sys
import warnings
from collections.abc import Iterable, Iterator, Mapping, Sequence
from collections.abc import Set as AbstractSet
from importlib.machinery import PathFinder
from pathlib import Path
from types import SimpleNamespace
from typing import Any

ROOT = Path(__file__).resolve().parent.parent
SDK = "msgraph"
CLIENT = "playbooks.clients.graph"


class TrimError(Exception):
    """Why the SDK cannot be trimmed, or is not enough, in words for the person at the keyboard."""


def trim(site: Path, app: Path) -> int:
    """Deletes all of the SDK in `site` that `app` cannot reach. Raises TrimError.

    Returns how many modules are left. The SDK's RECORD, which lists its files, lists those that are left.
    """
    kept = set(reached(site, app).values())
    for path in sorted((site / SDK).rglob("*"), reverse=True):
        if path.is_dir():
            if not any(path.iterdir()):
                path.rmdir()
        elif path not in kept:
            path.unlink()
    for record in site.glob(f"{SDK}_sdk-*.dist-info/RECORD"):
        lines = record.read_text(encoding="utf-8").splitlines(keepends=True)
        left = [line for line in lines if (site / line.rsplit(",", 2)[0].strip('"')).exists()]
        record.write_text("".join(left), encoding="utf-8")
    return len(kept)


def reached(site: Path, app: Path) -> Mapping[str, Path]:
    """Name and file of each module of the SDK in `site` that `app` can reach. Raises TrimError."""
    sources = [path.read_bytes() for path in sorted((app / "playbooks").rglob("*.py"))]
    nodes = [node for source in sources for node in ast.walk(ast.parse(source))]
    wanted = [name for node in nodes for name in _imported(node, "")]
    names = set(_attributes(nodes))
    while True:
        found, used = _followed(site, wanted, names)
        if not found:
            raise TrimError(f"The app imports nothing of {SDK}, or there is no {SDK} in {site}.")
        if used <= names:
            return found
        names |= used


def _followed(site: Path, wanted: Sequence[str], names: AbstractSet[str]) -> tuple[dict[str, Path], set[str]]:
    """The modules that are reached where functions of these names are called, and the names used in them."""
    waiting, found, used = list(wanted), dict[str, Path](), set[str]()
    while waiting:
        name = waiting.pop()
        if name in found or not _is_of_sdk(name) or (file := _file(site, name)) is None:
            continue
        found[name] = file
        package = name if file.name == "__init__.py" else name.rpartition(".")[0]
        nodes = list(_executed(ast.parse(file.read_bytes()), names))
        used |= set(_attributes(nodes))
        for node in nodes:
            imported = _imported(node, package)
            if imported and _is_missing(site, imported[0]):
                raise TrimError(f"{name} imports {imported[0]}, which is not in {site}.")
            waiting += imported
    return found, used


def _attributes(nodes: Iterable[ast.AST]) -> Iterator[str]:
    return (node.attr for node in nodes if isinstance(node, ast.Attribute))


def _executed(node: ast.AST, names: AbstractSet[str]) -> Iterator[ast.AST]:
    """Everything in `node` that is executed where functions of these names, and no others, are called."""
    for child in ast.iter_child_nodes(node):
        match child:
            case ast.FunctionDef(name=name) | ast.AsyncFunctionDef(name=name) if not (
                name in names or name.startswith("__")
            ):
                pass
            case ast.If(test=ast.Name(id="TYPE_CHECKING")):
                pass
            case _:
                yield child
                yield from _executed(child, names)


def _imported(node: ast.AST, package: str) -> list[str]:
    """What a statement in `package` may import: the module, then its names, which may be modules too."""
    match node:
        case ast.Import(names=names):
            return [alias.name for alias in names]
        case ast.ImportFrom(module=module, names=names, level=level):
            base = importlib.util.resolve_name("." * level + (module or ""), package or None)
            return [base, *(f"{base}.{alias.name}" for alias in names)]
        case _:
            return []


def _is_of_sdk(name: str) -> bool:
    return name.partition(".")[0] == SDK


def _folder(site: Path, name: str) -> Path:
    return site.joinpath(*name.split("."))


def _file(site: Path, name: str) -> Path | None:
    folder = _folder(site, name)
    places = (folder / "__init__.py", folder.with_name(f"{folder.name}.py"))
    return next((place for place in places if place.is_file()), None)


def _is_missing(site: Path, name: str) -> bool:
    """Whether this is a module of the SDK that is not there; a folder without `__init__.py` is one."""
    return _is_of_sdk(name) and _file(site, name) is None and not _folder(site, name).is_dir()


def check(site: Path, app: Path) -> int:
    """Imports every module of the SDK in `site`, and makes each request builder that `app` asks for.

    Returns how many builders. Everything else is this interpreter's own, so that any machine can check a
    package for Linux. Raises TrimError with the line that asks.
    """
    _take_from(site)
    for file in sorted((site / SDK).rglob("*.py")):
        name = ".".join(file.relative_to(site).with_suffix("").parts).removesuffix(".__init__")
        _attempt(f"{name} cannot be imported", importlib.import_module, name)
    sys.path.insert(0, str(app))
    clients = _attempt("The app's own client cannot be imported", importlib.import_module, CLIENT)
    graph = clients.Graph(
        SimpleNamespace(endpoint="https://graph.microsoft.com"), identity=None, patience=None
    )
    asked = list(_asked(app))
    for place, choose in asked:
        builder = _attempt(f"{place} asks for what is not there", graph.builder, choose)
        _attempt(f"{place} has no GET", lambda made: made.to_get_request_information().url, builder)
    if not asked:
        raise TrimError(f"No call of `builder` is in {app / 'playbooks' / 'clients'}: nothing was checked.")
    return len(asked)


def _take_from(site: Path) -> None:
    """Makes the SDK in `site` the one that this process imports."""
    spec = PathFinder.find_spec(SDK, [str(site)])
    if spec is None or spec.loader is None:
        raise TrimError(f"There is no {SDK} in {site}.")
    sys.modules[SDK] = importlib.util.module_from_spec(spec)
    # What it imports is this interpreter's, so the one of a machine without them gets so far and no further.
    wrong = f"{SDK} cannot be imported (is this .venv/bin/python?)"
    _attempt(wrong, spec.loader.exec_module, sys.modules[SDK])


def _attempt(wrong: str, action: Any, argument: Any) -> Any:
    try:
        with warnings.catch_warnings(action="ignore", category=DeprecationWarning):
            return action(argument)
    except (ImportError, AttributeError, TypeError) as error:
        raise TrimError(f"{wrong}: {error}.") from error


def _asked(app: Path) -> Iterator[tuple[str, Any]]:
    """Where the clients ask for a builder, and the function that chooses it, with 0 for every id."""
    for path in sorted((app / "playbooks" / "clients").glob("*.py")):
        for node in ast.walk(ast.parse(path.read_bytes())):
            match node:
                case ast.Call(func=ast.Attribute(attr="builder"), args=[ast.Lambda() as choose]):
                    place = f"{path.relative_to(app)}, line {node.lineno}: `{ast.unparse(choose.body)}`"
                    code = compile(ast.Expression(choose), str(path), "eval")
                    names = {one.id for one in ast.walk(choose.body) if isinstance(one, ast.Name)}
                    yield place, eval(code, dict.fromkeys(names, "0"))  # noqa: S307 - our own source
                case _:
                    pass


def main(arguments: Sequence[str] | None = None) -> int:
    """Runs the check; returns its exit status."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("site", type=Path, help="folder that holds the package msgraph")
    parser.add_argument("app", type=Path, nargs="?", default=ROOT, help="folder that holds playbooks")
    given = parser.parse_args(arguments)
    try:
        builders = check(given.site, given.app)
    except TrimError as error:
        sys.stderr.write(f"{error}\n")
        return 2
    sys.stdout.write(f"{SDK}: enough for {builders} request builders\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())

"""A command of the command line as data: parsed without being run, and written as words again."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cache
from pathlib import Path
from typing import Any, get_args, get_type_hints

import typer
import typer.main

from raysearch.commands.application import COMMANDS, application
from raysearch.errors import InputError, unknown_name
from raysearch.remote import uri_of


@dataclass(frozen=True)
class Command:
    """One of raysearch's commands and what it was given.

    Attributes:
        name: of the command.
        values: of its arguments and options by name; those left out have their defaults.
    """

    name: str
    values: Mapping[str, Any]

    @property
    def paths(self) -> dict[str, str]:
        """Its arguments and options that are paths and were given."""
        given = ((name, self.values[name]) for name in _path_names(self.name))
        return {name: value for name, value in given if value is not None}

    def changed(self, **values: Any) -> Command:
        """The command with other values."""
        return replace(self, values={**self.values, **values})

    def words(self) -> tuple[str, ...]:
        """Words that `parse` reads as this very command, in one order, defaults left out."""
        options, arguments = [self.name], []
        for parameter in _parameters(self.name):
            value = self.values[parameter.name]
            if parameter.param_type_name == "argument":
                arguments += [] if value is None else [str(value)]
            elif value != parameter.default:
                options += _option(parameter, value)
        return (*options, *(["--", *arguments] if arguments else []))


def parse(words: Sequence[str]) -> Command:
    """The command that the words make up.

    Args:
        words: name of a command and what it is given, as on the command line.

    Raises:
        InputError: if there is no such command, or it does not take these words.

    Example:
        >>> parse(["search", "--trials", "3", "events.h5"]).words()
        ('search', '--trials=3', '--', 'events.h5')
    """
    if isinstance(words, str):
        raise InputError(f"a command must be a list of words, but got {words!r}; see shlex.split.")
    if not words:
        raise InputError(f"a command must have a name, one of {', '.join(sorted(_commands()))}.")
    name, *given = map(str, words)
    if name not in _commands():
        raise unknown_name("command", name, _commands())
    try:
        context = _commands()[name].make_context(name, given)
    except typer.TyperException as error:
        told = error.format_message()
        raise InputError(f"`raysearch {name}` does not take these words: {told}") from error
    return Command(name, {p.name: _plain(context.params[p.name]) for p in _parameters(name)})


def absolute(command: Command, start: Path) -> Command:
    """The command with each of its paths made absolute; a URI is."""
    paths = {n: p for n, p in command.paths.items() if uri_of(p) is None}
    return command.changed(**{n: str((start / p).absolute()) for n, p in paths.items()})


def option(command: str, name: str) -> str:
    """How a user writes the argument or option called `name`.

    Example:
        >>> option("search", "n_signal"), option("search", "events")
        ('--n-signal', 'EVENTS')
    """
    found = next(p for p in _parameters(command) if p.name == name)
    return name.upper() if found.param_type_name == "argument" else str(found.opts[0])


@cache
def _commands() -> Mapping[str, Any]:
    group: Any = typer.main.get_command(application())
    commands: Mapping[str, Any] = group.commands
    return commands


@cache
def _path_names(name: str) -> tuple[str, ...]:
    function = next(command for command in COMMANDS if command.__name__ == name)
    kinds = get_type_hints(function).items()
    return tuple(given for given, kind in kinds if kind is Path or Path in get_args(kind))


def _parameters(name: str) -> list[Any]:
    return list(_commands()[name].params)


def _plain(value: Any) -> Any:
    """The value as JSON holds it; an empty list is none."""
    if isinstance(value, list | tuple):
        return list(value) or None
    return uri_of(value) or str(value) if isinstance(value, Path) else value


def _option(parameter: Any, value: Any) -> Iterator[str]:
    if parameter.is_flag:
        yield parameter.opts[0]
        return
    for each in value if isinstance(value, list) else [value]:
        yield f"{parameter.opts[0]}={each}"

"""What `--help` tells, command by command, without the layout that argparse gives it in one version of Python."""

import argparse
from collections.abc import Iterator

__all__ = ["help_of"]


def help_of(parser: argparse.ArgumentParser) -> Iterator[tuple[str, list[str]]]:
    """Each command with its description and its arguments, as they stand in its help."""
    lines = [*(parser.description or "").splitlines(), *_epilog(parser), ""]
    for group in parser._action_groups:
        shown = [action for action in group._group_actions if not isinstance(action, argparse._HelpAction)]
        if shown:
            lines += [f"{group.title}:", *([group.description] if group.description else [])]
            lines += [f"  {line}" for action in shown for line in _argument(parser, action)]
    yield parser.prog, lines
    for action in parser._actions:
        if isinstance(action, argparse._SubParsersAction):
            for command in dict.fromkeys(action.choices.values()):
                yield from help_of(command)


def _epilog(parser: argparse.ArgumentParser) -> list[str]:
    return ["", *parser.epilog.splitlines()] if parser.epilog else []


def _argument(parser: argparse.ArgumentParser, action: argparse.Action) -> Iterator[str]:
    if isinstance(action, argparse._SubParsersAction):
        for choice in action._choices_actions:
            yield f"{choice.dest}: {choice.help}"
        return
    value = action.metavar or (f"{{{','.join(map(str, action.choices))}}}" if action.choices else action.dest.upper())
    named = ", ".join(action.option_strings) or str(value)
    taken = f" {value}" if action.option_strings and action.nargs != 0 else ""
    yield f"{named}{taken}: {parser._get_formatter()._expand_help(action) if action.help else ''}".rstrip(": ")

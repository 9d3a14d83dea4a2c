"""What the parameters of commands may be: checked before a command begins, completed by shells."""

from typing import TYPE_CHECKING

import click

from bodywork.model.names import problem_with_label

if TYPE_CHECKING:
    from click.shell_completion import CompletionItem

    TextType = click.ParamType[str]
else:
    TextType = click.ParamType  # before click 8.4 it takes no type arguments


class Name(TextType):
    """The name of something that is there, or will be.

    Args:
        kind: what `completing.find_names` looks for; "" where nothing can be completed.
        label: whether it has to be a label as Kubernetes allows it; "" stands for none.
    """

    name = "name"

    def __init__(self, kind: str = "", *, label: bool = False) -> None:
        self.kind = kind
        self.label = label

    def convert(self, value: str, param: click.Parameter | None, ctx: click.Context | None) -> str:
        """Return the name. Raises `click.BadParameter`."""
        if self.label and value and (fault := problem_with_label(value)):
            self.fail(f"{value!r} {fault}", param, ctx)
        return value

    def shell_complete(
        self, ctx: click.Context, param: click.Parameter, incomplete: str
    ) -> "list[CompletionItem]":
        """Return the names that begin so."""
        from click.shell_completion import CompletionItem

        if not self.kind:
            return []
        from bodywork.cli.completing import find_names

        found = find_names(self.kind, ctx.params)
        return [CompletionItem(name) for name in found if name.startswith(incomplete)]


LABEL = Name(label=True)
NAMESPACE = Name("namespace", label=True)
RUN = Name("run")
STAGE = Name("stage")
SERVICE = Name("service")
SECRET = Name("secret")
CRONJOB = Name("cronjob")

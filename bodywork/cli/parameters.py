"""What the parameters of commands may be, checked before a command begins."""

from typing import TYPE_CHECKING

import click

from bodywork.model.names import problem_with_label

if TYPE_CHECKING:
    TextType = click.ParamType[str]
else:
    TextType = click.ParamType  # before click 8.4 it takes no type arguments


class Label(TextType):
    """A name as Kubernetes allows it; "" stands for none."""

    name = "name"

    def convert(self, value: str, param: click.Parameter | None, ctx: click.Context | None) -> str:
        """Return the name. Raises `click.BadParameter`."""
        if value and (fault := problem_with_label(value)):
            self.fail(f"{value!r} {fault}", param, ctx)
        return value


LABEL = Label()

"""`bodywork completion`: the script that teaches a shell to complete our commands."""

import click
from click.shell_completion import get_completion_class

_EPILOG = """\b
Examples:
  eval "$(bodywork completion bash)"      # in ~/.bashrc
  eval "$(bodywork completion zsh)"       # in ~/.zshrc
  bodywork completion fish > ~/.config/fish/completions/bodywork.fish"""


@click.command(epilog=_EPILOG)
@click.argument("shell", type=click.Choice(["bash", "zsh", "fish"]))
@click.pass_context
def completion(ctx: click.Context, shell: str) -> None:
    """Print the shell's completion script."""
    kind = get_completion_class(shell)
    if kind is None:
        raise click.UsageError(f"no completion for {shell}")
    click.echo(kind(ctx.find_root().command, {}, "bodywork", "_BODYWORK_COMPLETE").source())

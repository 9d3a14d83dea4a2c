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
    script = kind(ctx.find_root().command, {}, "bodywork", "_BODYWORK_COMPLETE").source()
    click.echo(_complete_for_plain_zsh(script) if shell == "zsh" else script)


def _complete_for_plain_zsh(script: str) -> str:
    """Load what registers completions where the user's own ~/.zshrc has not.

    The first line stays the first: by it zsh knows the script when it lies in a folder of $fpath.
    """
    first, rest = script.split("\n", 1)
    load = "(( $+functions[compdef] )) || { autoload -Uz compinit && compinit -i }"
    return f"{first}\n{load}\n{rest}"

"""The only place that runs git: a repository and a reference become a folder at one commit."""

from bodywork.git.repository import Repository, parse_repository
from bodywork.git.source import GitSource

__all__ = ["GitSource", "Repository", "parse_repository"]

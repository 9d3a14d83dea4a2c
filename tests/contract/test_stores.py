"""The shipped contract suite, held against every store of this package that needs no server."""

from pathlib import Path

import pytest

from statemachine.store import CheckpointStore
from statemachine.stores.file import FileStore
from statemachine.stores.memory import MemoryStore
from statemachine.testing import CrashingStore
from statemachine.testing.stores import StoreContract


class TestMemoryStore(StoreContract):
    @pytest.fixture
    def store(self) -> CheckpointStore:
        return MemoryStore()


class TestFileStore(StoreContract):
    @pytest.fixture
    def store(self, tmp_path: Path) -> CheckpointStore:
        return FileStore(tmp_path / "machines")


class TestFileStoreOfManyProcesses(StoreContract):
    """Each call on a new object, so that nothing is remembered from one call to the next."""

    @pytest.fixture
    def store(self, tmp_path: Path) -> CheckpointStore:
        return _Forgetful(tmp_path / "machines")


class TestCrashingStoreThatDoesNotCrash(StoreContract):
    @pytest.fixture
    def store(self) -> CheckpointStore:
        return CrashingStore(MemoryStore())


class _Forgetful(FileStore):
    def __getattribute__(self, name: str) -> object:
        if name in ("create", "load", "save", "delete", "list"):
            return getattr(FileStore(self.root), name)
        return super().__getattribute__(name)

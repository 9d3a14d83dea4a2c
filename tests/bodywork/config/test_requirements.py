"""What pip reads is accepted; what it cannot read is named, with its line and in words."""

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bodywork.config.requirements import check_requirements
from bodywork.config.specifiers import problem_with_requirement

GOOD = [
    "pandas", "pandas==2.2.3", "scikit-learn >=1.5, <2", "pkg[extra,more]~=1.0", "pkg[]",
    'pywin32; sys_platform == "win32"', "pkg @ https://host/pkg.whl", "pkg@https://${T}@h/x.git",
    "pkg @ https://host/pkg.whl ; python_version < '3.12'", "./local", ".", "..", "a/b-1-py3.whl",
    "git+https://host/repo.git@v1#egg=x", "file:///x", "numpy==1.0 --hash=sha256:abc",
    "numpy==1.0 --hash=sha256:abc --hash=sha256:def", "pkg===1.0+local", "pkg (>=1)", "a==1.*",
    "a!=2.0rc1.post1.dev2", "a>=1!2.0", "a<2,", "a==v1.0", "torch==2.0.1+cpu",
    "a; (os_name=='x' or extra == \"y\") and python_version not in '2.7'",
    "torch==2.3.0+cu121", "protobuf>=3.20.1,<4.0.0dev", "foo==2022.1.post1", "foo===1.0-custom",
    "https://host/a.whl; python_version < '3.12'", "foo==1 ; 'linux' in sys_platform",
    "foo==1 ; os.name == \"nt\"", "foo==1 ; sys.platform == 'win32'", "foo(>=1.0,<2)",
    "foo==1 ; platform.machine == 'x86_64'", "foo==1 ; python_implementation == 'CPython'",
    "foo==1; python_version in '3.8 3.9'", "foo>=2.0.0-beta.1", "foo<=v1.0", "foo== 1.0",
    ".[dev]", "./sub[dev]", "./sub[dev]; python_version>'3'", "file:wheels/a.whl", "C.D_e==1",
    "git+ssh://git@host/x.git", "y @ git+ssh://git@host/x.git@abc", "foo>=1,!=1.22.*,<2",
]  # fmt: skip
BAD = [
    ("pandas=1.0", "= is no comparison; did you mean ==?"),
    ("pandas>=", "a version is missing after >="),
    ("pandas>=1,,<2", "a version is missing beside a comma"),
    ("pandas >=1 <2", ">=1 <2 is no version, such as ==1.0"),
    ("pandas==1.*.2", "1.*.2 is no version that == can be used with"),
    ("pandas>=1.*", "1.* is no version that >= can be used with"),
    ("pandas~=1", "~= needs two numbers, such as ~=1.0"),
    ("pandas==new", "new is no version that == can be used with"),
    ("pandas (>=1", "(>=1 is no version, such as ==1.0"),
    ("pandas[", "[ is no version, such as ==1.0"),
    ("pandas numpy", "numpy is no version, such as ==1.0"),
    ("pandas @", "one address must follow the @"),
    ("pandas @ https://a https://b", "one address must follow the @"),
    ("pandas;", "a marker is missing after the ;"),
    ("pandas; python_version", "python_version is no marker, such as python_version < '3.12'"),
    ("pandas; pyton == '3'", "pyton == '3' is no marker, such as python_version < '3.12'"),
    ("pandas; (os_name=='x'", "(os_name=='x' is no marker, such as python_version < '3.12'"),
    ("pandas; %", "% is no marker"),
    ("==1.0", "it does not begin with the name of a package"),
    ("$PACKAGE", "it does not begin with the name of a package"),
]
OPTIONS = [
    ("--bogus", "--bogus is no option for a requirements.txt", "see pip's Requirements File"),
    ("--index-ur https://h", "--index-ur is no option", "did you mean --index-url?"),
    ("-x", "-x is no option for a requirements.txt", ""),
    ("-r", "-r needs a value", ""),
    ("--index-url", "--index-url needs a value", ""),
    ("--pre yes", "--pre takes no value, but yes follows", ""),
    ("-r more.txt", "stage/more.txt is missing", ""),
    ("-r other.tx", "stage/other.tx is missing", "did you mean other.txt?"),
    ("-r ../other.txt", "../other.txt is outside of the stage's folder", "copy it into stage/"),
    ("-c /etc/passwd", "/etc/passwd is outside of the stage's folder", "copy it into stage/"),
    ("-r link.txt", "stage/link.txt is a symbolic link", "put what it leads to in its place"),
    ("a --hash=md5:1", "pip cannot read what follows a", "options are: --hash=sha256:…"),
    ("a==1.0 --hash", "pip cannot read what follows a==1.0", "options are: --hash=sha256:…"),
]


def written(root: Path, text: str) -> list[tuple[int, str, str]]:
    """Return line, message and hint of what is wrong with a requirements.txt."""
    folder = root / "stage"
    folder.mkdir(exist_ok=True)
    (folder / "requirements.txt").write_text(text)
    (folder / "other.txt").write_text("")
    if not (folder / "link.txt").is_symlink():
        (folder / "link.txt").symlink_to("other.txt")
    found = check_requirements(root, "stage")
    assert {each.file for each in found} <= {"stage/requirements.txt"}
    return [(each.line, each.message, each.hint) for each in found]


@pytest.mark.parametrize("line", GOOD)
def test_what_pip_reads_is_accepted(line: str) -> None:
    assert problem_with_requirement(line) == ("", "")


@pytest.mark.parametrize(("line", "words"), BAD)
def test_what_pip_cannot_read_is_said_in_words(line: str, words: str) -> None:
    message, hint = problem_with_requirement(line)
    assert message == f"pip cannot read {line}: {words}"
    assert hint == "write one requirement a line, such as pandas==2.2.3"


@pytest.mark.parametrize(("line", "words", "hint"), OPTIONS)
def test_options_are_checked(line: str, words: str, hint: str, tmp_path: Path) -> None:
    [(number, message, told)] = written(tmp_path, f"# options\n\n{line}\n")
    assert number == 3
    assert message.startswith(words)
    assert told.startswith(hint)


def test_a_file_of_right_options_has_no_problem(tmp_path: Path) -> None:
    text = (
        "--index-url https://ada:secret@host/simple\n--extra-index-url=https://host/x\n--pre\n"
        "-r other.txt\n-cother.txt\n-r https://host/all.txt\n-e .\n--no-binary=:all:\n"
        "--require-hashes  # a comment\n"
    )
    assert written(tmp_path, text) == []


def test_continued_lines_count_from_their_first(tmp_path: Path) -> None:
    text = "# first\r\nnumpy==1.0 \\\r\n  --hash=sha256:abc\r\npandas \\\r\n  =1\r\nx \\"
    found = written(tmp_path, text)
    assert [number for number, _, _ in found] == [4]


def test_only_so_many_problems_are_listed(tmp_path: Path) -> None:
    found = written(tmp_path, "??\n" * 2000)
    assert len(found) == 51
    assert found[-1][1] == "has more problems than are listed; mend these first"


@pytest.mark.parametrize(
    "line",
    ["a" + " " * 900_000 + "!", " " * 900_000 + "a b", "a[" + "b," * 400_000, "a;" + "(" * 900_000],
)
def test_a_line_made_to_take_for_ever_is_refused_at_once(line: str, tmp_path: Path) -> None:
    assert len(written(tmp_path, line)) == 1


@given(st.text(max_size=300))
def test_any_line_is_judged_without_an_exception(line: str) -> None:
    message, _ = problem_with_requirement(line)
    assert message.isprintable()


@given(
    st.from_regex(r"[a-z]([a-z0-9-]{0,8}[a-z0-9])?", fullmatch=True),
    st.lists(
        st.tuples(
            st.sampled_from(["==", ">=", "<=", "!=", "<", ">", "==="]),
            st.from_regex(r"[0-9]{1,3}(\.[0-9]{1,3}){0,3}(rc[0-9])?", fullmatch=True),
        ),
        max_size=3,
    ),
    st.sampled_from(["", "; python_version >= '3.11'", " ; os_name == 'posix' or 'a' in extra"]),
)
def test_every_well_formed_requirement_is_accepted(
    name: str, clauses: list[tuple[str, str]], marker: str
) -> None:
    line = name + ", ".join(operator + version for operator, version in clauses) + marker
    assert problem_with_requirement(line) == ("", "")

"""Unified diffs are applied as `patch` would, or refused."""

import difflib
from collections.abc import Callable

import pytest
from hypothesis import given
from hypothesis import strategies as st

from advisor.errors import AdvisorError
from advisor.experiments.patching import apply_patch

LINES = st.lists(st.sampled_from(["a\n", "b\n", "c\n", "\n", "+x\n", "-y\n"]), min_size=1, max_size=30)


def _files(**files: str) -> Callable[[str], str | None]:
    return lambda name: files.get(name.removesuffix(".py"))


def _diff(before: list[str], after: list[str]) -> str:
    return "".join(difflib.unified_diff(before, after, "a/f.py", "b/f.py"))


@given(LINES, LINES)
def test_a_diff_turns_the_old_text_into_the_new(before: list[str], after: list[str]) -> None:
    patch = _diff(before, after)
    if patch:
        assert apply_patch(patch, _files(f="".join(before))) == {"f.py": "".join(after)}


def test_lines_that_moved_are_found_and_lines_that_changed_are_refused() -> None:
    before = [f"{number}\n" for number in range(20)]
    patch = _diff(before, [*before[:10], "new\n", *before[11:]])
    moved = ["first\n", "second\n", *before]
    assert "new\n" in (apply_patch(patch, _files(f="".join(moved)))["f.py"] or "")
    with pytest.raises(AdvisorError, match=r"f\.py: the lines around line 8 are not those of the patch"):
        apply_patch(patch, _files(f="".join([*before[:9], "other\n", *before[10:]])))


def test_files_are_made_and_deleted_and_a_missing_last_line_end_is_kept() -> None:
    patch = (
        "--- /dev/null\n+++ b/new.py\n@@ -0,0 +1 @@\n+made\n\\ No newline at end of file\n"
        "--- a/old.py\n+++ /dev/null\n@@ -1 +0,0 @@\n-gone\n"
    )
    assert apply_patch(patch, _files(old="gone\n")) == {"new.py": "made", "old.py": None}


@pytest.mark.parametrize(
    ("patch", "message"),
    [
        ("hello", "holds no change"),
        ("--- a/../x\n+++ b/../x\n@@ -1 +1 @@\n-a\n+b\n", "outside the spec's folder"),
        ("--- a/x.py\n+++ b/x.py\n@@ -1 +1 @@\n-a\n+b\n", "'x.py', which does not exist"),
        ("--- a/f.py\n+++ b/f.py\n@@ -1,3 +1,3 @@\n-a\n", "ends within a change"),
        ("diff --git a/f b/f\nGIT binary patch\n", "binary file"),
    ],
)
def test_what_cannot_be_applied_is_refused(patch: str, message: str) -> None:
    with pytest.raises(AdvisorError, match=message):
        apply_patch(patch, _files(f="a\n"))

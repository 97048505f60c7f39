"""The skill: rendered from templates, rules and cards, read where it lies, and put into a CLAUDE.md.

`python -m advisor.knowledge.skill` writes it; with --check it fails where the written files are stale.
"""

import sys
from pathlib import Path
from typing import Any

import advisor
from advisor.errors import AdvisorError
from advisor.files import write_atomic
from advisor.knowledge import RULES, TOPICS, generated, rules_on
from advisor.knowledge.advice import ADVICE
from advisor.knowledge.explain import explain, outline
from advisor.knowledge.lookalikes import LOOK_ALIKES
from advisor.knowledge.measured import measured
from advisor.techniques import TECHNIQUES

NAME = "regularization-expert"
BEGIN = "<!-- begin regularization-expert (regadvisor skill install) -->"
END = "<!-- end regularization-expert -->"
BACKUP_SUFFIX = ".regadvisor.bak"
_PACKAGE = Path(advisor.__file__).resolve().parent


def skill_root() -> Path:
    """The folder of the skill: inside the package when installed, beside it in a checkout.

    Raises:
        AdvisorError: it is in neither place.
    """
    for root in (_PACKAGE / "_skill" / NAME, _PACKAGE.parent / "skill" / NAME):
        if (root / "SKILL.md").is_file():
            return root
    raise AdvisorError("The skill is not installed with this package; install the package again.", exit_status=1)


def skill_text() -> str:
    """The text of SKILL.md, front matter included."""
    return (skill_root() / "SKILL.md").read_text(encoding="utf-8")


def render() -> dict[str, str]:
    """Every generated file of the skill, by its path relative to the skill's folder.

    Raises:
        AdvisorError: the templates are not there, as in an installed package.
    """
    folder = _PACKAGE.parent / "skill" / "templates"
    templates = sorted(folder.rglob("*.j2"))
    if not templates:
        raise AdvisorError("The skill's templates exist only in a checkout of the repository; run this there.")
    environment = _environment(folder)
    context = _context()
    names = [template.relative_to(folder).as_posix() for template in templates]
    return {name.removesuffix(".j2"): environment.get_template(name).render(context) for name in names}


def write() -> list[Path]:
    """Render the skill into its folder. Files that no template makes are left for a person to judge; see `stale`."""
    root = _PACKAGE.parent / "skill" / NAME
    rendered = render()
    for name, text in rendered.items():
        write_atomic(root / name, text)
    return [root / name for name in rendered]


def stale() -> list[str]:
    """Files of the skill that differ from what would be rendered now, missing and superfluous ones included."""
    root = _PACKAGE.parent / "skill" / NAME
    rendered = render()
    found = {path.relative_to(root).as_posix(): path.read_text(encoding="utf-8") for path in root.rglob("*.md")}
    return sorted(name for name in rendered.keys() | found.keys() if rendered.get(name) != found.get(name))


def condensed() -> str:
    """The skill as one piece for a CLAUDE.md: the body of SKILL.md without front matter and pointers to references."""
    _, _, body = skill_text().removeprefix("---\n").partition("\n---\n")
    lines = body.partition("\n## References\n")[0].split("\n")
    return "\n".join(line for line in lines if "`references/" not in line).strip()


def install(target: Path) -> None:
    """Put the condensed skill between markers into `target`, or update it there; the old file is kept beside it.

    Raises:
        AdvisorError: the target cannot be read or written, or its markers do not match.
    """
    old = _read(target)
    block = f"{BEGIN}\n{condensed()}\n{END}\n"
    span = _span(target, old)
    if span is not None:
        new = old[: span[0]] + block + old[span[1] :]
    elif old:
        new = f"{old}\n{block}"
    else:
        new = block
    _replace(target, old, new)


def uninstall(target: Path) -> None:
    """Take the block out of `target`; everything else stays as it was. A file that held nothing else is removed.

    Raises:
        AdvisorError: the target does not hold the skill, or cannot be read or written.
    """
    old = _read(target)
    span = _span(target, old)
    if span is None:
        raise AdvisorError(f"{str(target)!r} does not hold the skill: its markers are not there. Nothing was changed.")
    before, after = old[: span[0]], old[span[1] :]
    if not after or before.endswith("\n\n"):
        # The line end that `install` put in front of the block goes with it.
        before = before.removesuffix("\n")
    _replace(target, old, before + after)


def _read(target: Path) -> str:
    if not target.exists():
        return ""
    try:
        return target.read_bytes().decode("utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise AdvisorError(f"Cannot read {str(target)!r} as UTF-8 text: {error}. Nothing was changed.") from None


def _span(target: Path, text: str) -> tuple[int, int] | None:
    begins, ends = text.count(BEGIN), text.count(END)
    if begins == ends == 0:
        return None
    start, stop = text.find(BEGIN), text.find(END)
    if begins != 1 or ends != 1 or stop < start:
        raise AdvisorError(
            f"{str(target)!r} has {begins} begin and {ends} end markers of the skill instead of one pair; mend them by "
            "hand. Nothing was changed."
        )
    stop += len(END)
    return start, stop + (text[stop : stop + 1] == "\n")


def _replace(target: Path, old: str, new: str) -> None:
    if new == old:
        return
    # Write to where a link points, so that the link stays a link.
    place = target.resolve()
    if old:
        write_atomic(place.with_name(place.name + BACKUP_SUFFIX), old)
    if not new:
        place.unlink()
        return
    write_atomic(place, new)


def _context() -> dict[str, Any]:
    from advisor.recipe.blockers import INSTEAD

    return {
        "version": advisor.__version__,
        "rules": RULES,
        "topics": TOPICS,
        "look_alikes": LOOK_ALIKES,
        "techniques": list(TECHNIQUES.values()),
        "advice": ADVICE,
        "instead": INSTEAD,
        "explain": explain,
        "outline": outline,
        "listed": _listed,
        "cited": _cited,
        "measured": measured(),
    }


def _cited(*rule_ids: str) -> str:
    """The claims of these rules as a list, each with its id."""
    return "\n".join(f"- {RULES[rule_id].claim} [{rule_id}]" for rule_id in rule_ids)


def _listed(topic: str) -> str:
    """The rules of a topic as a list: claim, scope, source, strength."""
    return "\n".join(f"- {r.claim} *{r.scope}; {r.source}; {r.strength}.* [{r.id}]" for r in rules_on(topic))


def _environment(folder: Path) -> Any:
    import jinja2

    environment = jinja2.Environment(
        loader=jinja2.FileSystemLoader(folder),
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
        autoescape=False,  # Markdown from our own rules and cards
    )
    environment.filters["demote"] = lambda text: "\n".join(
        "#" + line if line.startswith("#") else line for line in text.split("\n")
    )
    return environment


def main(arguments: list[str] | None = None) -> int:
    """Write the skill, or check that it is current."""
    return generated.run("advisor.knowledge.skill", write, stale, arguments)


if __name__ == "__main__":
    sys.exit(main())

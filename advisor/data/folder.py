"""A folder of images: one folder for each class, perhaps below folders for train, validation and test."""

from __future__ import annotations

import pathlib
from dataclasses import dataclass, field

import numpy as np

from advisor.data.dataset import Dataset
from advisor.data.images import DEFAULT_SIZE, SUFFIXES, decode_images
from advisor.data.paths import Walk, locate
from advisor.data.preparation import AsTheyAre
from advisor.data.spec import DataSpec
from advisor.data.targets import encode_targets
from advisor.errors import AdvisorError

SPLIT_FOLDERS = {
    "train": "train", "training": "train", "val": "validation", "valid": "validation", "validation": "validation",
    "dev": "validation", "test": "test", "testing": "test",
}  # fmt: skip
NAMED = 5


@dataclass
class _Found:
    """The images found so far: file, class and split of each."""

    files: list[pathlib.Path] = field(default_factory=list)
    classes: list[str] = field(default_factory=list)
    splits: list[str] = field(default_factory=list)
    others: int = 0  # files that are no images
    empty: list[str] = field(default_factory=list)  # folders of classes without images


def load_folder(data: DataSpec, workspace: pathlib.Path | None) -> Dataset:
    """The images below `data.folder`, classes in the order of their names. Hidden files are ignored.

    Raises:
        AdvisorError: no folders of classes, fewer than two classes, or images that cannot be read.
    """
    assert data.folder is not None, "the source is a folder"
    folder = locate(data.folder, workspace)
    if not folder.is_dir():
        raise AdvisorError(f"folder {data.folder!r} is a file; give the folder that holds one folder for each class.")
    walk = Walk(folder, *([] if workspace is None else [workspace]))
    found = _find(walk, folder, data.folder)
    names = [path.relative_to(folder).as_posix() for path in found.files]
    pictures = decode_images(found.files, names, data.image_size or DEFAULT_SIZE, f"folder {data.folder!r}")
    kept = pictures.kept.tolist()
    targets = encode_targets(np.asarray([found.classes[number] for number in kept]), f"folder {data.folder!r}")
    splits = np.asarray([found.splits[number] for number in kept])
    given = {name: np.flatnonzero(splits == name) for name in ("train", "validation", "test") if name in splits}
    import torch

    return Dataset(
        inputs=torch.from_numpy(pictures.pixels),
        targets=targets.values,
        kind="class",
        labels=targets.labels,
        given=given if "train" in given and len(given) > 1 else None,
        preparation=AsTheyAre("image"),
        names=tuple(names[number] for number in kept),
        remarks=(*pictures.remarks, *_remarks(found, walk, folder)),
    )


def _find(walk: Walk, folder: pathlib.Path, what: str) -> _Found:
    found = _Found()
    tops = walk.folders(folder)
    split_tops = [top for top in tops if top.name.lower() in SPLIT_FOLDERS]
    if not tops:
        raise AdvisorError(f"folder {what!r} holds no folders; give one folder for each class, with its images inside.")
    if not split_tops:
        _collect(walk, tops, "train", found)
        return found
    if not any(SPLIT_FOLDERS[top.name.lower()] == "train" for top in split_tops):
        raise AdvisorError(f"folder {what!r} has {', '.join(top.name for top in split_tops)} but no train folder.")
    others = [top.name for top in tops if top not in split_tops]
    if others:
        raise AdvisorError(
            f"folder {what!r} holds both splits ({', '.join(top.name for top in split_tops)}) and other folders "
            f"({', '.join(others[:NAMED])}); move these below the splits, or elsewhere."
        )
    doubled = {SPLIT_FOLDERS[top.name.lower()] for top in split_tops}
    if len(doubled) < len(split_tops):
        names = ", ".join(top.name for top in split_tops)
        raise AdvisorError(f"folder {what!r} holds two folders for one split: {names}; leave one of them.")
    for top in split_tops:
        _collect(walk, walk.folders(top), SPLIT_FOLDERS[top.name.lower()], found)
    return found


def _collect(walk: Walk, class_folders: list[pathlib.Path], split: str, found: _Found) -> None:
    for class_folder in class_folders:
        before = len(found.files)
        for path in walk.files(class_folder):
            if path.suffix.lower() not in SUFFIXES:
                found.others += 1
                continue
            found.files.append(path)
            found.classes.append(class_folder.name)
            found.splits.append(split)
        if len(found.files) == before:
            found.empty.append(f"{class_folder.parent.name}/{class_folder.name}")


def _remarks(found: _Found, walk: Walk, folder: pathlib.Path) -> list[str]:
    remarks = []
    if found.others:
        remarks.append(f"{found.others} files that are no images were left out")
    if found.empty:
        remarks.append(f"{len(found.empty)} class folders hold no images: {', '.join(found.empty[:NAMED])}")
    if walk.links:
        names = ", ".join(str(path.relative_to(folder)) for path in walk.links[:NAMED])
        remarks.append(f"{len(walk.links)} links to folders, or out of the data, were not followed: {names}")
    return remarks

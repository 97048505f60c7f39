"""The built-in data: three small real sets that ship with scikit-learn, so that nothing is downloaded."""

from advisor.data.dataset import Dataset
from advisor.data.preparation import AsTheyAre, Standardized


def load_builtin(name: str) -> Dataset:
    """ "digits": 1797 images (1, 8, 8) in [0, 1]; "breast_cancer": (569, 30) and "wine": (178, 13) tables."""
    import numpy as np
    import torch
    from sklearn import datasets

    loaders = {
        "digits": datasets.load_digits,
        "breast_cancer": datasets.load_breast_cancer,
        "wine": datasets.load_wine,
    }
    bunch = loaders[name]()
    inputs = np.asarray(bunch.data, dtype=np.float32)
    is_image = name == "digits"
    if is_image:
        inputs = inputs.reshape(-1, 1, 8, 8) / 16.0  # the set counts ink in 0..16
    return Dataset(
        inputs=torch.from_numpy(inputs),
        targets=torch.from_numpy(np.asarray(bunch.target, dtype=np.int64)),
        kind="class",
        labels=tuple(str(label) for label in bunch.target_names),
        preparation=AsTheyAre("image") if is_image else Standardized(tuple(map(str, bunch.feature_names))),
    )

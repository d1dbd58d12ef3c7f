"""Gaussian mixtures: soft clusters, densities, new data, and tools that stand on them."""

from importlib import import_module
from typing import Any

__version__ = "0.1.0"

_WHERE = {
    "BayesianGaussianMixture": "mixtura.estimators.bayes",
    "ClusterMerger": "mixtura.estimators.merger",
    "Conditional": "mixtura.model.conditioning",
    "Conditionals": "mixtura.model.conditionals",
    "Diagonal": "mixtura.model.covariance",
    "EEI": "mixtura.model.covariance",
    "EEV": "mixtura.model.covariance",
    "EII": "mixtura.model.covariance",
    "EVE": "mixtura.model.covariance",
    "EVI": "mixtura.model.covariance",
    "EVV": "mixtura.model.covariance",
    "FarCondition": "mixtura.model.conditioning",
    "Files": "mixtura.engines.files",
    "Full": "mixtura.model.covariance",
    "GaussianMixture": "mixtura.estimators.mixture",
    "GaussianMixtureClassifier": "mixtura.estimators.classifier",
    "GaussianMixtureIC": "mixtura.estimators.criterion",
    "GaussianMixtureImputer": "mixtura.estimators.imputer",
    "GaussianMixtureOutlierDetector": "mixtura.estimators.outlier",
    "GaussianMixtureRegressor": "mixtura.estimators.regressor",
    "HeavyMixture": "mixtura.model.heavy",
    "HierarchicalStart": "mixtura.estimators.hierarchical",
    "Mixture": "mixtura.model.mixture",
    "Noise": "mixtura.model.noise",
    "NoisyMixture": "mixtura.model.noise",
    "NormalInverseWishart": "mixtura.learn.prior",
    "Spherical": "mixtura.model.covariance",
    "Statistics": "mixtura.learn.statistics",
    "StudentMixture": "mixtura.estimators.student",
    "Tied": "mixtura.model.covariance",
    "Truncation": "mixtura.learn.truncation",
    "VEE": "mixtura.model.covariance",
    "VEI": "mixtura.model.covariance",
    "VEV": "mixtura.model.covariance",
    "VVE": "mixtura.model.covariance",
    "likelihood_ratio_test": "mixtura.estimators.likelihood_ratio",
    "load": "mixtura.model.mixture",
    "plot": "mixtura.plot",
    "rfm": "mixtura.applications.segmentation.rfm",
    "rubin": "mixtura.learn.rubin",
    "segment": "mixtura.applications.segmentation.segment",
}

__all__ = [*_WHERE]  # pyright: ignore[reportUnsupportedDunderAll]


def __getattr__(name: str) -> Any:
    """Import a public name at its first use: importing the package costs next to nothing."""
    if name not in _WHERE:
        raise AttributeError(f"module 'mixtura' has no attribute {name!r}")
    module = import_module(_WHERE[name])
    value = module if _WHERE[name] == f"mixtura.{name}" else getattr(module, name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    """The public names."""
    return sorted([*globals(), *_WHERE])

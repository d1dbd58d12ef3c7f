"""torchgmm, which computes with PyTorch Lightning.

Its estimator takes no initial covariances and makes two passes an iteration. So the part of its
``fit`` that iterates is called here with the start put in, as for all rows at once: one pass.
"""

import logging
import warnings

import numpy as np
import torch
from pytorch_lightning import Trainer
from torchgmm.base.data import DataLoader, collate_tensor, dataset_from_tensors
from torchgmm.bayes.core import cholesky_precision
from torchgmm.bayes.gmm import GaussianMixtureModel, GaussianMixtureModelConfig
from torchgmm.bayes.gmm.lightning_module import GaussianMixtureLightningModule
from turns import take_turns


def covariances(case):
    """In the shape of the family."""
    dense = case.covariances
    return {
        "full": lambda: dense,
        "tied": lambda: dense[0],
        "diag": lambda: np.diagonal(dense, axis1=1, axis2=2).copy(),
        "spherical": lambda: dense[:, 0, 0].copy(),
    }[case.family]()


def prepare(case):
    """Give a function that fits for a number of iterations, without a regulariser."""
    rows = torch.from_numpy(case.rows)
    torch.set_default_dtype(rows.dtype)
    tensors = [case.weights, case.means, covariances(case)]
    weights, means, spread = (torch.tensor(each, dtype=rows.dtype) for each in tensors)
    config = GaussianMixtureModelConfig(
        num_components=case.n_components, num_features=rows.shape[1], covariance_type=case.family
    )

    def fit(iterations):
        model = GaussianMixtureModel(config)
        model.component_probs.copy_(weights)
        model.means.copy_(means)
        model.precisions_cholesky.copy_(cholesky_precision(spread, case.family))
        module = GaussianMixtureLightningModule(
            model, convergence_tolerance=0, covariance_regularization=0.0
        )
        trainer = Trainer(
            max_epochs=iterations,
            precision="64-true" if rows.dtype == torch.float64 else "32-true",
            accelerator="cpu",
            logger=False,
            enable_checkpointing=False,
            enable_progress_bar=False,
            enable_model_summary=False,
        )
        data = dataset_from_tensors(rows)
        trainer.fit(module, DataLoader(data, batch_size=len(rows), collate_fn=collate_tensor))
        return model.means.numpy()

    return fit


if __name__ == "__main__":
    warnings.simplefilter("ignore")
    logging.getLogger("pytorch_lightning").setLevel(logging.ERROR)
    take_turns(prepare, "torchgmm")

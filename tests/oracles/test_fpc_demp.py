"""Components joined as fpc's mergenormals joins them: fpc_demp.R recorded fpc_demp.json."""

import json
from pathlib import Path

import numpy as np
import pytest

from mixtura import ClusterMerger, GaussianMixture, Mixture

HERE = Path(__file__).parent
RECORDED = json.loads((HERE / "fpc_demp.json").read_text(encoding="utf-8"))["examples"]
MIXTURES = json.loads((HERE / "mclust_combi.json").read_text(encoding="utf-8"))["examples"]


@pytest.mark.parametrize("record", RECORDED, ids=lambda record: record["data"])
def test_clusters_and_probabilities_are_those_of_fpc(record):
    given = next(each for each in MIXTURES if each["data"] == record["data"])
    mixture = Mixture.of(given["weights"], given["means"], given["covariances"])
    model = GaussianMixture.from_mixture(mixture)
    merger = ClusterMerger(model, method="demp").fit(np.array(given["rows"]))
    np.testing.assert_allclose(merger.confusions_, record["values"], rtol=1e-8)
    assert (merger.merges_[:, 1] + 1).tolist() == record["joined"]
    for c, theirs in enumerate(record["groups"], 1):
        assert (merger.clusters(c) + 1).tolist() == theirs
    assert (merger.clusters_ + 1).tolist() == record["by_itself"]

"""Components joined as clustCombi joins them: mclust_combi.R recorded mclust_combi.json."""

import json
from pathlib import Path

import numpy as np
import pytest

from mixtura import ClusterMerger, GaussianMixture, Mixture
from mixtura.learn.merging import elbow

RECORDED = json.loads(Path(__file__).with_name("mclust_combi.json").read_text(encoding="utf-8"))


@pytest.mark.parametrize("record", RECORDED["examples"], ids=lambda record: record["data"])
def test_clusters_and_entropies_are_those_of_mclust(record):
    x = np.array(record["rows"])
    mixture = Mixture.of(record["weights"], record["means"], record["covariances"])
    merger = ClusterMerger(GaussianMixture.from_mixture(mixture)).fit(x)
    size = record["entropies"][-1]
    np.testing.assert_allclose(merger.entropies_, record["entropies"], atol=1e-6 * size)
    for c, theirs in enumerate(record["groups"], 1):
        ours = merger.clusters(c).tolist()
        pairs = {*zip(ours, theirs, strict=True)}
        assert len(pairs) == len({*ours}) == len({*theirs}) == c
    assert elbow(merger.entropies_) == record["n_clusters"]

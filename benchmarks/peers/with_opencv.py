"""OpenCV's ``ml::EM``.

From Python it takes no start with several covariances, but posteriors: T iterations from those of
the start are T times an M-step and then an E-step, and the means those of T iterations of others.
"""

import cv2
from turns import take_turns

FAMILIES = {
    "full": cv2.ml.EM_COV_MAT_GENERIC,
    "diag": cv2.ml.EM_COV_MAT_DIAGONAL,
    "spherical": cv2.ml.EM_COV_MAT_SPHERICAL,
}


def prepare(case):
    """Give a function that fits for a number of iterations."""
    rows, posteriors = case.rows, case.posteriors

    def fit(iterations):
        model = cv2.ml.EM_create()
        model.setClustersNumber(case.n_components)
        model.setCovarianceMatrixType(FAMILIES[case.family])
        model.setTermCriteria((cv2.TERM_CRITERIA_COUNT, iterations, 0.0))
        if not model.trainM(rows, posteriors)[0]:
            raise RuntimeError("OpenCV's EM failed")
        return model.getMeans()

    return fit


if __name__ == "__main__":
    take_turns(prepare, "opencv-python-headless")

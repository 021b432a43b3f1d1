"""Individual predictions: one number per observation record of a data set."""

from sbmlqsp.prediction.predictor import Predictor, predict

__all__ = ["Predictor", "predict"]

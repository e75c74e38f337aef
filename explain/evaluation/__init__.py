"""Which explanation to believe: agreement, faithfulness, randomised weights, known evidence."""

from __future__ import annotations

from explain.evaluation.agreement import (
    Agreement,
    MeanAgreement,
    Measure,
    agreement,
    attention_agreement,
    evaluate_agreement,
    iter_agreement,
)
from explain.evaluation.context import ContextAttribution, ContextScores, attribute_context
from explain.evaluation.curves import Curve, RandomBand
from explain.evaluation.evidence import EvidenceItem, evidence_items
from explain.evaluation.faithfulness import Faithfulness, FaithfulnessSettings, faithfulness
from explain.evaluation.ground_truth import ExaminedItem, GroundTruth, ground_truth, iter_ground_truth
from explain.evaluation.labels import MethodLabel
from explain.evaluation.randomisation import Randomisation, Stage, iter_randomisation, randomisation_check
from explain.evaluation.ranking import FaithfulnessRanking, evaluate_faithfulness, iter_faithfulness
from explain.models.perturbation import Granularity, Replacement

__all__ = [
    "Agreement",
    "ContextAttribution",
    "ContextScores",
    "Curve",
    "EvidenceItem",
    "ExaminedItem",
    "Faithfulness",
    "FaithfulnessRanking",
    "FaithfulnessSettings",
    "Granularity",
    "GroundTruth",
    "MeanAgreement",
    "Measure",
    "MethodLabel",
    "RandomBand",
    "Randomisation",
    "Replacement",
    "Stage",
    "agreement",
    "attention_agreement",
    "attribute_context",
    "evaluate_agreement",
    "evaluate_faithfulness",
    "evidence_items",
    "faithfulness",
    "ground_truth",
    "iter_agreement",
    "iter_faithfulness",
    "iter_ground_truth",
    "iter_randomisation",
    "randomisation_check",
]

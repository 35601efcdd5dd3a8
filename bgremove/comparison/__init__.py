"""Does parallel pay? Interleaved rounds, what they show, and how it is told."""

from bgremove.comparison.compare import MIN_ROUNDS as MIN_ROUNDS
from bgremove.comparison.compare import Comparison as Comparison
from bgremove.comparison.compare import compare as compare
from bgremove.comparison.compare import contenders as contenders

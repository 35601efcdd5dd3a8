"""Strategies: how many tasks are run. They know functions and tasks, and nothing of images."""

from bgremove.strategies.auto import AUTO as AUTO
from bgremove.strategies.auto import choose as choose
from bgremove.strategies.base import Strategy as Strategy
from bgremove.strategies.create import BUILT_IN as BUILT_IN
from bgremove.strategies.create import DEFAULT_STRATEGY as DEFAULT_STRATEGY
from bgremove.strategies.create import STRATEGIES as STRATEGIES
from bgremove.strategies.create import make_strategy as make_strategy
from bgremove.strategies.create import strategy_class as strategy_class
from bgremove.strategies.task import Outcome as Outcome
from bgremove.strategies.task import Task as Task

"""Says whether a change made benchmarks slower: base against head, in fresh interleaved pairs of processes.

``benchgate --base origin/main`` measures the cases of head in both revisions and says, for each, ``regressed``,
``improved``, ``unchanged``, ``inconclusive``, ``new``, ``skipped``, ``missing`` or ``incomparable``.

The procedure, and where each step is:

1. Two git worktrees; the case definitions (the selected paths) come from head in both (`revisions`).
2. A *pair* is one fresh process of each revision. Both stay alive and take turns call by call, in an order drawn by
   coin for each two turns and mirrored in the second (ABBA), so that whatever drifts slower than a call cancels
   (`measure`). A pair gives one number for each case and metric: the log ratio head/base.
3. Every case is measured in a few pairs; what they do not decide, in more, the gravest first (`decide.schedule`).
4. Each pair counts, from the first on: capital is staked on a loss in a betting game that is fair when the revisions
   are equal. An alarm needs 1/alpha times what was staked (`decide.betting`), and an estimated loss of at least a third
   of the tolerance.

Importing this package imports nothing else, for it is imported into measured processes too.
"""

__version__ = "1.0.0"

"""Says whether a change made benchmarks slower: base against head, in fresh interleaved pairs of processes.

``benchgate --base origin/main`` measures the cases of head in both revisions and says, for each, ``regressed``,
``improved``, ``unchanged``, ``inconclusive``, ``new``, ``missing`` or ``incomparable``.

The procedure, and where each step is:

1. Two git worktrees; the case definitions (the selected paths) come from head in both (`revisions`).
2. A *pair* is one fresh process of each revision. Both stay alive and take turns call by call, in an order drawn by
   coin for each two turns and mirrored in the second (ABBA), so that whatever drifts slower than a call cancels
   (`measure`). A pair gives one number for each case and metric: the log ratio head/base.
3. Every case is *screened* with a few pairs. What looks changed is *confirmed* in new pairs, and only those decide
   (`decide.schedule`); the data of the screen choose the hypotheses, so nothing is counted twice.
4. An alarm needs a wealth of at least (number of hypotheses left)/alpha in a betting game that is fair when the
   revisions are equal (`decide.rule`), and an estimated loss of at least a third of the tolerance.

Importing this package imports nothing else, for it is imported into measured processes too.
"""

__version__ = "1.0.0"

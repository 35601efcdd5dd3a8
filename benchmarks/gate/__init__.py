"""A regression gate for any pytest-benchmark suite: base against head, in fresh interleaved pairs of processes.

``python -m benchmarks.gate --base origin/main`` measures the cases of head in both revisions and says, for each,
``regressed``, ``improved``, ``unchanged``, ``inconclusive``, ``new``, ``missing`` or ``incomparable``.

The procedure, and where each step is:

1. Two git worktrees; the case definitions (the selected directories) come from head in both (`worktrees`).
2. A *pair* is one fresh process of each revision. Both stay alive and take turns call by call, in an order drawn by
   coin for each two turns and mirrored in the second (ABBA), so that whatever drifts slower than a call cancels
   (`pairs`, `arm`). A pair gives one number for each case and metric: the log ratio head/base.
3. Every case is *screened* with a few pairs. What looks changed is *confirmed* in new pairs, and only those decide
   (`schedule`); the data of the screen choose the hypotheses, so nothing is counted twice.
4. An alarm needs a wealth of at least (number of hypotheses left)/alpha in a betting game that is fair when the
   revisions are equal (`verdict`), and an estimated loss of at least a third of the tolerance.

Nothing in here imports the project that is measured.
"""

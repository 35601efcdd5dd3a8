from collections.abc import Iterator

import hypothesis
import pytest

# A deadline would time the machine, not the code; derandomised, so that a red run is red again.
hypothesis.settings.register_profile("suite", deadline=None, derandomize=True, max_examples=100)
hypothesis.settings.load_profile("suite")


@pytest.fixture(scope="session", autouse=True)
def _not_in_a_worker_of_xdist() -> Iterator[None]:
    """What a test starts is a run of its own; pytest-benchmark would measure nothing in a worker of pytest-xdist."""
    with pytest.MonkeyPatch.context() as patch:
        patch.delenv("PYTEST_XDIST_WORKER", raising=False)
        yield

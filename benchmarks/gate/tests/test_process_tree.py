"""What a process tree took, and what a block of turns says."""

import multiprocessing

import pytest

from benchgate.decide.metrics import disturbance, log_ratios
from benchgate.measure import process_tree
from benchgate.measure.records import Block, Timing, Turn
from gate_fakes import burn

pytestmark = pytest.mark.whole_run


def test_cpu_time_counts_this_process_and_living_and_ended_children() -> None:
    with multiprocessing.get_context("spawn").Pool(1) as pool:
        before = process_tree.cpu_s(process_tree.descendants())
        burn(0.1)
        pool.apply(burn, (0.2,))
        living = process_tree.cpu_s(process_tree.descendants()) - before
        pool.close()
        pool.join()
    ended = process_tree.cpu_s(process_tree.descendants()) - before
    assert living >= 0.29
    assert ended >= 0.29


def test_the_peak_of_a_call_is_seen_though_the_memory_is_given_back_at_once() -> None:
    with process_tree.peak_memory() as small:
        pass
    with process_tree.peak_memory() as large:
        block = bytearray(64 << 20)
        del block
    assert large.bytes - small.bytes >= 60 << 20


# --- numbers of a block


def _block(base: Timing, head: Timing, turns: int = 8, memory: tuple[int, int] = (100, 103)) -> Block:
    return Block("c", 1, (Turn(True, 0, base, head),) * turns, *memory, stolen_share=0.0, load=0.0)


def test_ratios_are_head_over_base_and_cpu_is_left_out_of_a_waiting_case() -> None:
    busy = log_ratios(_block(Timing(1.0, 1.0, 1.0), Timing(1.1, 1.2, 1.0)))
    assert {name: round(value, 4) for name, value in busy.items()} == {"wall": 0.0953, "cpu": 0.1823, "memory": 0.0296}
    assert "cpu" not in log_ratios(_block(Timing(1.0, 0.001, 1.0), Timing(1.0, 0.002, 1.0)))


def test_a_block_is_disturbed_by_a_lopsided_control_or_stolen_time_only() -> None:
    sound = Timing(1.0, 1.0, 1.0)
    assert disturbance(_block(sound, Timing(9.0, 9.0, 1.0)), 0.09) == ""
    assert "control" in disturbance(_block(sound, Timing(1.0, 1.0, 1.2)), 0.09)
    assert "guests" in disturbance(Block("c", 1, (Turn(True, 0, sound, sound),) * 2, 1, 1, 0.5, 0.0), 0.09)

"""What is said of a batch that was not simulated, and of a card, is arithmetic on what was."""

import pytest

from benchmark.planning.footprint import Footprint, held_for_sure, on_a_card, verdict

# Simulated and published GB of the ten trainings whose cuts a paper prints (`beyond plan --published`).
PUBLISHED = [(8.70, 9.40), (4.61, 5.38), (3.34, 4.22), (2.53, 3.52), (16.72, 19.71), (10.60, 12.06), (23.32, 26.29)]
PUBLISHED += [(14.12, 15.53), (16.57, 19.22), (9.67, 11.55)]


@pytest.mark.parametrize(("simulated", "published"), PUBLISHED)
def test_the_interval_holds_what_papers_measured(simulated, published):
    least, most = on_a_card(simulated)
    assert least - 0.005 <= published <= most + 0.005  # both are rounded


def test_between_two_batches_lies_a_line_and_beyond_them_nothing():
    bent = Footprint((8, 32, 128), (1.0, 1.6, 5.2))
    assert [bent.at(batch) for batch in (2, 8, 20, 32, 80)] == pytest.approx([1.0, 1.0, 1.3, 1.6, 3.4])
    assert bent.at(129) is None
    assert [bent.largest(memory) for memory in (0.9, 1.0, 1.3, 3.4, 5.2, 99)] == [0, 8, 20, 80, 128, 128]


def test_a_line_is_one_only_where_a_third_batch_lies_on_it():
    assert Footprint((8, 32, 128), (1.0, 1.6, 4.0)).line() == pytest.approx((0.8, 0.025))
    assert Footprint((8, 32, 128), (1.0, 1.7, 4.0)).line() is None
    assert Footprint((8, 128), (1.0, 4.0)).line() is None


def test_what_fits_for_sure_is_said_of_the_upper_end():
    for memory in (4, 8, 80):
        held = held_for_sure(memory)
        assert verdict(held * 0.999, memory) == "fits"
        assert verdict(held * 1.001, memory) == "may fit"
        assert verdict(memory, memory) == "does not fit"

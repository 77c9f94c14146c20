"""How well people in danger are found, and what the gate lets through, has not fallen, and SAFETY.md says so."""

import re
from dataclasses import replace

import pytest

from train import safety

pytestmark = pytest.mark.timeout(600)  # some 40 s of processor time, which it may have to share


@pytest.fixture(scope="module")
def measured():
    return safety.measure()


def test_no_figure_fell(measured):
    assert safety.below(measured) == []


def test_a_figure_that_falls_is_named(measured):
    blind = replace(measured, met=["none"] * len(measured.rows))
    alarmed = replace(measured, met=["crisis"] * len(measured.rows))
    assert any("explicit crisis found: 0.000" in line for line in safety.below(blind))
    assert any("idioms called at least concern: 1.000" in line for line in safety.below(alarmed))


ROWS = 2
"Sentences at a threshold that another processor may see otherwise: sums in 8 bits are exact, what is done to them between is not."


def figures(table: str) -> tuple[str, list[float]]:
    """The table's words without figures and examples, and its figures as numbers of sentences."""
    grids = table.partition("Of what it misses")[0]
    found = [float(p) * int(n) for p, n in re.findall(r"(\d\.\d+) \[[^]]*\] of (\d+)", grids)]
    found += [float(n) for triple in re.findall(r"(\d+) / (\d+) / (\d+)", grids) for n in triple]
    return re.sub(r"-?[\d.]+", "#", grids), found


def test_safety_says_what_the_command_prints(measured):
    said = safety.SAFETY.read_text(encoding="utf-8").partition(safety.BEGIN)[2].partition(safety.END)[0].strip()
    (words, stated), (now, printed) = figures(said), figures(safety.table(measured))
    assert words == now, "Run: python -m train evaluate safety --write"
    far = [(a, b) for a, b in zip(stated, printed, strict=True) if abs(a - b) > ROWS + 0.5]
    assert not far, f"Run: python -m train evaluate safety --write ({far})"


def test_an_interval_is_that_of_wilson():
    assert safety.share(8, 10) == "0.800 [0.490, 0.943] of 10"
    assert safety.wilson(0, 0) == (0.0, 1.0)

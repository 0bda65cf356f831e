from __future__ import annotations

import numpy as np

from course_utils.check.report import heat_map


def test_up_to_ten_rows_and_columns_are_drawn_in_full() -> None:
    picture = heat_map(np.arange(9.0)[None], "got", (0, 8))
    assert picture.count("<rect") == 9
    assert "<figcaption>got</figcaption>" in picture


def test_of_a_larger_array_the_part_around_the_marked_cell_is_drawn() -> None:
    array = np.arange(20.0 * 30).reshape(20, 30)
    picture = heat_map(array, "got", (19, 15))
    assert picture.count("<rect") == 64
    assert "8 x 8 of 20 x 30" in picture
    assert f">{array[19, 15]:.3g}</text>" in picture
    assert f">{array[11, 15]:.3g}</text>" not in picture

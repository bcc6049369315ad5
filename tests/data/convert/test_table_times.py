"""Times as people write them: known moments, guesses that are told, and refusals."""

from typing import Any, List, Optional, Tuple

import pandas as pd
import pytest

from recbole_poem.core.errors import InputError
from recbole_poem.data.convert.table.frame_table import FrameTable
from recbole_poem.data.convert.table.times import TimeFormat, Times, times_of


def read(values: Any, **how: Optional[str]) -> Times:
    column = pd.Series(values, name="ts", dtype=object if isinstance(values[0], str) else None)
    return times_of(column, FrameTable(pd.DataFrame({"ts": column})), TimeFormat(**how))


def refusal(values: Any, **how: Optional[str]) -> str:
    with pytest.raises(InputError) as error:
        read(values, **how)
    return str(error.value)


@pytest.mark.parametrize(
    ("values", "expected", "words"),
    [
        (["1700000000", "1700000060"], ([1700000000, 1700000060], "s"), "unix seconds (by"),
        (["1700000000.5"], ([1700000000.5], "s"), "unix seconds"),
        ([1700000000123], ([1700000000123], "ms"), "unix milliseconds"),
        (["1700000000123000"], ([1700000000123], "ms"), "unix microseconds (by their size; "),
        (["1700000000123456789"], ([1700000000123.4568], "ms"), "unix nanoseconds"),
        (["2023-11-14 22:13:20"], ([1700000000], "s"), "ISO 8601 without a zone, read as UTC"),
        (["2023-11-14T22:13:20Z"], ([1700000000], "s"), "ISO 8601 with zones"),
        (["2023-11-14 22:13:20 UTC"], ([1700000000], "s"), "ISO 8601 with zones"),
        (["2023-11-15T06:13:20.250+08:00"], ([1700000000250], "ms"), "written as milliseconds"),
        (["2023-11-14"], ([1699920000], "s"), "dates without a time of day, read as UTC"),
    ],
)
def test_times_are_read_as_they_are_written(
    values: List[Any], expected: Tuple[List[float], str], words: str
) -> None:
    found = read(values)
    assert (found.values.tolist(), found.unit) == expected
    assert words in found.words


def test_a_zone_places_times_and_clocks() -> None:
    summer, winter = "2023-07-01 12:00", "2023-12-01 12:00"
    found = read([summer, winter, winter], zone="Europe/Berlin")
    assert found.values.tolist() == [1688205600, 1701428400, 1701428400]
    assert found.utc_offset == 3600 and "read as those of Europe/Berlin" in found.words
    assert read([1700000000], zone="+08:00").utc_offset == 28800
    assert read([1700000000]).utc_offset is None
    assert read(["2023-11-15T06:13:20+08:00"] * 2).utc_offset == 28800
    assert "there is no zone 'Berlin'" in refusal([summer], zone="Berlin")


def test_an_hour_that_clocks_show_twice_or_never_is_told() -> None:
    twice = read(["2023-10-29 02:30"], zone="Europe/Berlin")
    assert twice.values.tolist() == [1698539400]
    assert "of 1 in an hour that the clocks show twice the first" in twice.words
    assert "the clocks were put forward over it" in (
        refusal(["2023-03-26 02:30"], zone="Europe/Berlin")
    )


def test_rows_with_and_without_a_zone_need_one() -> None:
    mixed = ["2023-11-14T22:13:20Z", "2023-11-14T22:13:20"]
    assert refusal(mixed).startswith(
        "row 1 of the frame, counted from 0: column 'ts': '2023-11-14T22:13:20' has no zone"
    )
    assert read(mixed, zone="+01:00").values.tolist() == [1700000000, 1699996400]


def test_a_unit_and_a_form_may_be_named() -> None:
    assert read(["5", "6"], unit="s").values.tolist() == [5, 6]
    assert read(["1700000000"], unit="ms").unit == "ms"
    assert read(["14.11.2023 22:13"], format="%d.%m.%Y %H:%M").values.tolist() == [1699999980]
    assert read(["20231114"], format="%Y%m%d").values.tolist() == [1699920000]
    assert read([20231114], format="%Y%m%d").values.tolist() == [1699920000]
    assert "leave one out" in refusal(["20231114"], format="%Y%m%d", unit="s")
    assert "is no time in the form %d.%m.%Y" in refusal(["11/14/2023"], format="%d.%m.%Y")
    assert "--time_unit: expected one of s, ms, us, ns, not 'h'" in refusal(["1"], unit="h")
    assert "'2023-11-14' is no number, and --time_unit asks" in refusal(["2023-11-14"], unit="s")


@pytest.mark.parametrize(
    ("values", "words"),
    [
        (
            ["1700000000"] * 3 + ["0"],
            "row 3 of the frame, counted from 0: column 'ts': '0' is no ti",
        ),
        (["1700000000"] * 3 + ["1700000000000"], "is no time in seconds, which most rows have"),
        (["3", "4", "5"], "is too small for a time since 1970"),
        (["20231114"] * 3, "--time_format=%Y%m%d"),
        ([-1.7e9], "is a time before 1970"),
        ([1.7e9, float("inf")], "is no time"),
        (["1969-07-20 20:17"], "is a time before 1970"),
        (["2023-02-30"], "'2023-02-30' is no time that can be read"),
        (["2023", "now", "now"], "is no time that can be read"),
        (["14/11/2023"], "--time_format='%d.%m.%Y %H:%M'"),
        (["2023-11-14 22:13:20 CET"], "is no time that can be read"),
        ([True, False], "holds bool, and no times"),
    ],
)
def test_what_is_no_time_is_refused(values: List[Any], words: str) -> None:
    assert words in refusal(values)

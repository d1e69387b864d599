"""Figures in words: values, intervals, what they rest on."""

from flows.evaluation.scorecard.scorecard import Row


def value_of(row: Row, number: float | None) -> str:
    """A number as it is read: a share in percent, a whole number whole, else four digits."""
    if number is None:
        return "–"
    if row.term.scale == "share":
        return f"{number:.1%}"
    return f"{number:,.0f}" if float(number).is_integer() else f"{number:.4g}"


def interval_of(row: Row) -> str:
    """The 95 % interval, or that there is none."""
    low, high = row.figure.low, row.figure.high
    if low is None or high is None:
        return "no interval"
    return f"{value_of(row, low)} to {value_of(row, high)}"


def counts_of(row: Row) -> str:
    """What it rests on, e.g. ``98 generated, 761 real``."""
    counted = dict(row.figure.counts)
    part = counted.pop("counted", None)
    told = ", ".join(f"{n:,} {what}" for what, n in counted.items())
    return f"{part:,} of {told}" if part is not None else told


def phrase(row: Row) -> str:
    """One sentence that stands for the row where there is no table."""
    figure = row.figure
    words = [f"{row.title}{'' if row.group == 'all' else f' ({row.group})'}: {value_of(row, figure.value)}"]
    if figure.low is not None:
        words.append(f"95 % interval {interval_of(row)}")
    if figure.floor is not None:
        words.append(f"floor {value_of(row, figure.floor)}")
    if figure.judge:
        words.append(f"by {figure.judge}")
    if told := counts_of(row):
        words.append(f"of {told}" if "counted" not in figure.counts else told)
    if figure.note:
        words.append(figure.note)
    return ", ".join(words) + "."

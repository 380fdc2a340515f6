"""The lines of the pages about the watch after a promotion: a label and a number."""


def write_row(label: str, value: str, *, width: int) -> str:
    """A line of a page; the labels of a page are equally wide, and so are the numbers."""
    return f"  {label:<{width}}  {value:>9}"


def write_percent(rate: float) -> str:
    """A share in percent with three digits."""
    return f"{100 * rate:.3g} %"


def write_never(number: float | None) -> str:
    """A number of labels with its thousands apart; `never` where there is none."""
    return "never" if number is None else f"{number:,.4g}"


def write_interval(low: float, high: float) -> str:
    """The 95 % interval of a share."""
    return f"(95 %: {write_percent(low)} to {write_percent(high)})"

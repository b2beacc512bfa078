def mul_div(a: int, b: int, num: int, den: int, mode: int) -> tuple[int, int]:
    """``a b num / den`` rounded by mode (0 trunc, 1 floor, 2 ceil, 3 half to even): (status, figure)."""

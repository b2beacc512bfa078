"""``black`` without fused operations: the same functions, the same bits at every instruction level."""

from crossmargin._core.black import (
    greeks as greeks,
    implied_from_time_value as implied_from_time_value,
    implied_volatility as implied_volatility,
    revalue as revalue,
    value as value,
)

# black.pyx once more, compiled with LANES_UNFUSED: products and sums round apart, so that every level and width of
# lanes gives the same bits. What a figure is compared with or replayed from is priced here; it costs 1.3 times.
include "black.pyx"

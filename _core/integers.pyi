from numpy import int64
from numpy.typing import NDArray

from crossmargin._core.single import Single

class Integral:
    """Memory for a program in integers; ``real``: nodes whose figures are none."""

    def __init__(
        self, single: Single, constants: NDArray[int64], real: NDArray[int64], value: NDArray[int64], quantity: NDArray[int64]
    ) -> None: ...

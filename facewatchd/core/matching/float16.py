"""
Embeddings in half precision (float16), and their conversion to single precision for products of matrices.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

# the sign, and the exponent and fraction of a float16 at their places in a float32
_SIGN_AND_REST = np.array(0x8FFFE000, np.uint32).view(np.int32)
# the exponents of the two formats are offset by 15 and by 127
_BIAS = np.float32(2.0 ** (127 - 15))


def single(vectors: NDArray[np.float16] | NDArray[np.float32]) -> NDArray[np.float32]:
    """
    The same numbers as float32. This takes less than half of the time of numpy, which converts one number at a time (Giesen,
    'Half to float, done quick').

    Args:
        vectors: Finite numbers, of any shape. float32 is returned as it is.
    """
    if vectors.dtype == np.float32:
        return vectors  # type: ignore[return-value]
    bits = np.ascontiguousarray(vectors).view(np.int16).astype(np.int32)
    bits <<= 13
    bits &= _SIGN_AND_REST
    found = bits.view(np.float32)
    found *= _BIAS
    return found

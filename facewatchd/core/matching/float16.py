"""
Embeddings in half precision, made single for products of matrices.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

# exponent and fraction of a half, moved to where a single has them, and the sign; what the shift spread it over is not
_SIGN_AND_REST = np.array(0x8FFFE000, np.uint32).view(np.int32)
# the exponents count from 15 and from 127
_BIAS = np.float32(2.0 ** (127 - 15))


def single(vectors: NDArray[np.float16] | NDArray[np.float32]) -> NDArray[np.float32]:
    """
    The same numbers, bit by bit, in less than half of the time that numpy takes, which converts one at a time (Giesen,
    'Half to float, done quick').

    Args:
        vectors: Finite numbers, of any shape. Singles are returned as they are.
    """
    if vectors.dtype == np.float32:
        return vectors  # type: ignore[return-value]
    bits = np.ascontiguousarray(vectors).view(np.int16).astype(np.int32)
    bits <<= 13
    bits &= _SIGN_AND_REST
    found = bits.view(np.float32)
    found *= _BIAS
    return found

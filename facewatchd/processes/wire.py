"""
Records as bytes and back, for the program's own processes: plain data with a schema (msgpack, by msgspec), which depend on
no version of the interpreter and can make nothing but what the reader expects.

The type of a record is its schema: what does not fit it, to the letter, is refused. Arrays travel as their type, shape and
bytes.
"""

from __future__ import annotations

import functools
import math
import os
from collections.abc import Callable
from pathlib import PurePath
from typing import Any, get_args, get_type_hints

import msgspec
import numpy as np

_MOST_AXES = 4


def encode(record: object) -> bytes:
    """
    As `decode` reads it.

    Raises:
        TypeError: It holds something that is no plain data.
        UnicodeEncodeError: A text in it is no Unicode.
    """
    return _encoder().encode(record)


def decode(data: bytes, schema: Any) -> Any:
    """
    A record of this type.

    Args:
        data: From another process, which may be in wrong hands.
        schema: The type: a dataclass, a msgspec.Struct or a union of such, or made of builtin types, arrays and paths.

    Raises:
        ValueError: It is none.
    """
    try:
        return _decoder(schema).decode(data)
    except (msgspec.MsgspecError, RecursionError) as error:
        raise ValueError(f"no such record: {error}") from error


@functools.cache
def _encoder() -> msgspec.msgpack.Encoder:
    return msgspec.msgpack.Encoder(enc_hook=_plain)


@functools.cache
def _decoder(schema: Any) -> msgspec.msgpack.Decoder[Any]:
    return msgspec.msgpack.Decoder(schema, dec_hook=_made)


def _plain(value: object) -> object:
    """What msgspec does not know, as what it does."""
    if isinstance(value, np.ndarray):
        return value.dtype.str, value.shape, value.tobytes()
    if isinstance(value, np.generic):
        return value.item()
    if isinstance(value, PurePath):
        return os.fsencode(value)
    raise TypeError(f"{type(value).__name__} is no plain data")


def _made(schema: Any, value: object) -> object:
    """The other way round."""
    if isinstance(schema, type) and issubclass(schema, PurePath):
        if not isinstance(value, bytes):
            raise ValueError("a path is bytes")  # noqa: TRY004 - of what was received, not of an argument
        return schema(os.fsdecode(value))
    return _array(_element(schema), value)


def _element(schema: Any) -> np.dtype[Any]:
    """Of the arrays that `NDArray[...]` stands for."""
    try:
        element: np.dtype[Any] = np.dtype(get_args(get_args(schema)[1])[0])
    except (IndexError, TypeError) as error:
        raise TypeError(f"{schema} is no schema") from error
    return element


def _array(wanted: np.dtype[Any], value: object) -> object:
    match value:
        case [str() as name, list() as shape, bytes() as data] if name == wanted.str:
            pass
        case _:
            raise ValueError(f"no array of {wanted}")
    if len(shape) > _MOST_AXES or not all(type(side) is int and side >= 0 for side in shape):
        raise ValueError("an array has no such shape")
    if math.prod(shape) * wanted.itemsize != len(data):
        raise ValueError("an array has other bytes than its shape")
    # a copy, as what lies on the bytes of a message cannot be written
    return np.frombuffer(data, wanted).reshape(shape).copy()


def schema_of(function: Callable[[Any], Any]) -> tuple[Any, Any]:
    """The types of a function's only argument and of its result, as it says them itself."""
    hints = get_type_hints(function)
    result = hints.pop("return")
    (argument,) = hints.values()
    return argument, result

"""A hint to the processor from compiled code: fetch this row, it is asked for soon.

A walk looks at hundreds of rows that lie anywhere in memory. One after the other they take as long as memory takes to
answer, each time; asked for together they take little more than one. LLVM's own instruction, which changes no result.
"""

from __future__ import annotations

from typing import Any

from llvmlite import ir  # type: ignore[import-untyped]  # it has no types
from numba import types
from numba.core import cgutils
from numba.extending import intrinsic

# What for, how near (the second cache is the quickest to fill), what of:
# https://llvm.org/docs/LangRef.html#llvm-prefetch-intrinsic
READ, NEAR, DATA = 0, 2, 1


def _prefetch(_context: Any, array: Any, _row: Any) -> Any:
    """Ask for the start of `array[row]`; a row that is not there does no harm."""

    def code(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        kind, (given, row) = signature.args[0], arguments
        rows = context.make_array(kind)(context, builder, given)
        stride = builder.extract_value(rows.strides, 0)
        start = builder.bitcast(rows.data, cgutils.voidptr_t)
        at = builder.gep(start, [builder.mul(row, stride)])
        word = ir.IntType(32)
        hint = ir.FunctionType(ir.VoidType(), [cgutils.voidptr_t, word, word, word])
        function = cgutils.get_or_insert_function(  # type: ignore[no-untyped-call]  # numba has few types
            builder.module, hint, "llvm.prefetch.p0"
        )
        builder.call(function, [at, word(READ), word(NEAR), word(DATA)])
        return context.get_dummy_value()

    return types.void(array, types.intp), code


prefetch: Any = intrinsic(_prefetch)  # compiled code calls it without the first argument

"""The two matrix products of a tile, written for the processor's registers.

A compiler vectorises a loop along rows well, but it brings sums back to memory after each step, or
adds up the parts of each one by one. Here sixteen sums at a time are kept in registers: four
components by the rows of four registers, or four components by four features. What is written is
LLVM's own language, with vectors as wide as the machine's; where it has none so wide, LLVM splits
them, and where it cannot multiply and add in one step, takes two.

The order of sums depends on the sizes alone, not on where arrays lie.
"""

from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager
from typing import Any

from llvmlite import binding, ir
from numba.core import cgutils, types
from numba.core.errors import LoweringError
from numba.extending import intrinsic

BLOCK = 4
"""Components and features that are taken together: arrays of components have a multiple of it."""

Value = Any
"""Of LLVM: a number, a vector or a pointer, in the function that is being written."""


def _width() -> int:
    """Bytes of a register: 64 or 32."""
    try:
        features = binding.get_host_cpu_features()
    except RuntimeError:  # LLVM does not know them on every system
        return 32
    return 64 if features.get("avx512f") else 32


WIDTH = _width()
TALL = BLOCK if WIDTH == 64 else 2
"""Registers along the rows: sixteen sums where there are 32 registers, eight where there are 16."""


class _Writer:
    """Writes the instructions of one function, on arrays of one type of number."""

    def __init__(self, context: Any, builder: Any, number: Any) -> None:
        self.context, self.builder = context, builder
        self.number = ir.FloatType() if number == types.float32 else ir.DoubleType()
        self.size = 4 if number == types.float32 else 8
        self.lanes = WIDTH // self.size
        self.vector = ir.VectorType(self.number, self.lanes)
        self.index = context.get_value_type(types.intp)
        bits = "f32" if self.size == 4 else "f64"
        kind = ir.FunctionType(self.vector, [self.vector] * 3)
        name = f"llvm.fmuladd.v{self.lanes}{bits}"
        self._multiply = cgutils.get_or_insert_function(builder.module, kind, name)

    def array(self, kind: Any, value: Value) -> tuple[Value, Value]:
        """Where the numbers of a matrix begin, and how many there are in a row."""
        if kind.layout != "C":
            raise LoweringError("rows of numbers must lie one after another")
        found = self.context.make_array(kind)(self.context, self.builder, value=value)
        return found.data, cgutils.unpack_tuple(self.builder, found.shape, 2)[1]

    def rows(self, kind: Any, value: Value) -> Value:
        """How many rows a matrix has."""
        found = self.context.make_array(kind)(self.context, self.builder, value=value)
        return cgutils.unpack_tuple(self.builder, found.shape, 2)[0]

    def count(self, value: int) -> Value:
        """A number of rows."""
        return ir.Constant(self.index, value)

    def at(self, start: Value, width: Value, i: Value, j: Value) -> Value:
        """Where entry (i, j) of a matrix is."""
        b = self.builder
        return b.gep(start, [b.add(b.mul(i, width), j)])

    def each(self, start: Value, stop: Value, step: int) -> AbstractContextManager[Any]:
        """A loop; what it gives begins with the index."""
        return cgutils.for_range_slice(self.builder, start, stop, self.count(step), self.index)

    def load(self, where: Value) -> Value:
        """A register of numbers."""
        pointer = self.builder.bitcast(where, self.vector.as_pointer())
        return self.builder.load(pointer, align=self.size)

    def store(self, value: Value, where: Value) -> None:
        """A register of numbers back."""
        pointer = self.builder.bitcast(where, self.vector.as_pointer())
        self.builder.store(value, pointer, align=self.size)

    def spread(self, value: Value) -> Value:
        """One number in all places."""
        b, none = self.builder, ir.Constant(ir.VectorType(value.type, self.lanes), ir.Undefined)
        one = b.insert_element(none, value, ir.Constant(ir.IntType(32), 0))
        return b.shuffle_vector(one, none, self._places([0] * self.lanes))

    def less(self, vector: Value, value: Value) -> Value:
        """A vector less one number of float64, rounded once."""
        b = self.builder
        if self.size == 8:
            return b.fsub(vector, self.spread(value))
        wide = b.fpext(vector, ir.VectorType(ir.DoubleType(), self.lanes))
        return b.fptrunc(b.fsub(wide, self.spread(value)), self.vector)

    def add_product(self, a: Value, x: Value, total: Value) -> Value:
        """The vector a x + total."""
        return self.builder.call(self._multiply, [a, x, total])

    def variable(self) -> Value:
        """Room for a register's numbers, which the compiler turns into a register."""
        return cgutils.alloca_once(self.builder, self.vector)

    def sums(self, vectors: Sequence[Value]) -> list[Value]:
        """The sum of each of some vectors, in their order; as many to a vector as it has places."""
        found, part = list(vectors), 1
        while part < self.lanes:
            half = len(found) // 2
            pairs = [(found[2 * i], found[2 * i + 1]) for i in range(half)] or [(found[0],) * 2]
            found = [self.builder.fadd(*self._exchanged(a, b, part)) for a, b in pairs]
            part *= 2
        return found

    def turned(self, vectors: Sequence[Value]) -> list[Value]:
        """As many vectors as they have places, rows of a square, as its columns."""
        found, part = list(vectors), 1
        while part < self.lanes:
            for i in range(self.lanes):
                if not i & part:
                    found[i], found[i + part] = self._exchanged(found[i], found[i + part], part)
            part *= 2
        return found

    def _exchanged(self, a: Value, b: Value, part: int) -> tuple[Value, Value]:
        """The first of each two parts of both vectors, by turns, and the second ones."""
        first: list[int] = []
        for at in range(0, self.lanes, 2 * part):
            first += [*range(at, at + part), *range(self.lanes + at, self.lanes + at + part)]
        low, high = (
            self.builder.shuffle_vector(a, b, self._places([place + more for place in first]))
            for more in (0, part)
        )
        return low, high

    def four(self, vector: Value, at: int) -> Value:
        """Four places of a vector, as float64."""
        places = self._places(range(at, at + BLOCK))
        some = self.builder.shuffle_vector(vector, vector, places)
        wide = ir.VectorType(ir.DoubleType(), BLOCK)
        return some if self.size == 8 else self.builder.fpext(some, wide)

    def before(self, stop: Value, vector: Value) -> Value:
        """A vector whose places from one on are zero."""
        kind = ir.VectorType(ir.IntType(32), self.lanes)
        b = self.builder
        numbers = ir.Constant(kind, list(range(self.lanes)))
        zero = ir.Constant(self.vector, [0.0] * self.lanes)
        return b.select(b.icmp_signed("<", numbers, self.spread(stop)), vector, zero)

    @staticmethod
    def _places(numbers: Sequence[int]) -> Value:
        return ir.Constant(ir.VectorType(ir.IntType(32), len(numbers)), list(numbers))


def _multiply(
    typing: Any, theta: Any, start: Any, stop: Any, first: Any, phi: Any, n: Any, joint: Any
) -> tuple[Any, Callable[..., Any]]:
    """Θ φ of features start … stop, added to joint (K, T); with a new start if `first`.

    The first row of φ belongs to feature `start`. A new start is Θ's first column, and `start` is
    the feature after it. K is a multiple of four; T one of so many rows as are taken at a time,
    those of φ and joint from n on being of no account.
    """

    def write(context: Any, builder: Any, signature: Any, args: Any) -> Value:
        w = _Writer(context, builder, signature.args[0].dtype)
        theta, start, stop, first, phi, n, joint = args
        k_all = w.rows(signature.args[0], theta)
        theta, m_all = w.array(signature.args[0], theta)
        phi, width = w.array(signature.args[4], phi)
        joint, across = w.array(signature.args[6], joint)
        columns, rows = range(BLOCK), range(TALL)
        sums = [[w.variable() for _ in rows] for _ in columns]
        none = w.count(0)
        with w.each(none, n, TALL * w.lanes) as (t, _), w.each(none, k_all, BLOCK) as (k, _):
            mine = [builder.add(k, w.count(c)) for c in columns]
            there = [builder.add(t, w.count(r * w.lanes)) for r in rows]
            for c in columns:
                one = w.spread(builder.load(w.at(theta, m_all, mine[c], w.count(0))))
                for r in rows:
                    old = w.load(w.at(joint, across, mine[c], there[r]))
                    builder.store(builder.select(first, one, old), sums[c][r])
            with w.each(start, stop, 1) as (m, _):
                at = builder.sub(m, start)
                f = [w.load(w.at(phi, width, at, there[r])) for r in rows]
                for c in columns:
                    a = w.spread(builder.load(w.at(theta, m_all, mine[c], m)))
                    for r in rows:
                        total = w.add_product(a, f[r], builder.load(sums[c][r]))
                        builder.store(total, sums[c][r])
            for c in columns:
                for r in rows:
                    w.store(builder.load(sums[c][r]), w.at(joint, across, mine[c], there[r]))
        return context.get_dummy_value()

    return types.void(theta, start, stop, first, phi, n, joint), write


multiply: Any = intrinsic(_multiply)


def _adding(wide: int) -> Any:
    """`add`, by so many features at a time."""

    def add(
        typing: Any, joint: Any, first: Any, last: Any, start: Any, phi: Any, n: Any, sums: Any
    ) -> tuple[Any, Callable[..., Any]]:
        def write(context: Any, builder: Any, signature: Any, args: Any) -> Value:
            w = _Writer(context, builder, signature.args[0].dtype)
            joint, first, last, start, phi, n, sums = args
            k_all = w.rows(signature.args[0], joint)
            joint, across = w.array(signature.args[0], joint)
            phi, width = w.array(signature.args[4], phi)
            out, m_all = w.array(signature.args[6], sums)
            columns, features = range(BLOCK), range(wide)
            parts = [[w.variable() for _ in features] for _ in columns]
            zero = ir.Constant(w.vector, [0.0] * w.lanes)
            whole = builder.and_(n, w.count(-w.lanes))
            rest = builder.trunc(builder.sub(n, whole), ir.IntType(32))

            def step(t: Value, k: Value, m: Value, of: Callable[[Value], Value]) -> None:
                at = builder.sub(m, start)
                mine = [w.at(joint, across, builder.add(k, w.count(c)), t) for c in columns]
                r = [of(w.load(each)) for each in mine]
                for i in features:
                    f = of(w.load(w.at(phi, width, builder.add(at, w.count(i)), t)))
                    for c in columns:
                        total = w.add_product(r[c], f, builder.load(parts[c][i]))
                        builder.store(total, parts[c][i])

            with w.each(w.count(0), k_all, BLOCK) as (k, _), w.each(first, last, wide) as (m, _):
                for c in columns:
                    for i in features:
                        builder.store(zero, parts[c][i])
                with w.each(w.count(0), whole, w.lanes) as (t, _):
                    step(t, k, m, lambda vector: vector)
                with builder.if_then(builder.icmp_signed(">", rest, ir.Constant(rest.type, 0))):
                    step(whole, k, m, lambda vector: w.before(rest, vector))
                found = w.sums([builder.load(part) for row in parts for part in row])
                for c in columns:
                    row = builder.add(k, w.count(c))
                    if wide == BLOCK:
                        at = c * BLOCK
                        four = w.four(found[at // w.lanes], at % w.lanes)
                        where = w.at(out, m_all, row, m)
                        pointer = builder.bitcast(where, four.type.as_pointer())
                        total = builder.fadd(builder.load(pointer, align=8), four)
                        builder.store(total, pointer, align=8)
                    else:
                        one = builder.extract_element(found[0], ir.Constant(ir.IntType(32), c))
                        one = one if w.size == 8 else builder.fpext(one, ir.DoubleType())
                        where = w.at(out, m_all, row, m)
                        builder.store(builder.fadd(builder.load(where), one), where)
            return context.get_dummy_value()

        return types.void(joint, first, last, start, phi, n, sums), write

    return intrinsic(add)


add_by_four, add_by_one = _adding(BLOCK), _adding(1)


def _turn(
    typing: Any, x: Any, at: Any, n: Any, origin: Any, z: Any
) -> tuple[Any, Callable[..., Any]]:
    """Rows at … at + n of x (B, D) less an origin, into z (D, T).

    Squares as wide as a register are turned at a time; what none covers is left: the last rows, and
    the last columns.
    """

    def write(context: Any, builder: Any, signature: Any, args: Any) -> Value:
        w = _Writer(context, builder, signature.args[0].dtype)
        x, at, n, origin, z = args
        x, d = w.array(signature.args[0], x)
        z, width = w.array(signature.args[4], z)
        origin = context.make_array(signature.args[3])(context, builder, value=origin).data
        side, places = w.count(-w.lanes), range(w.lanes)
        rows, columns = builder.and_(n, side), builder.and_(d, side)
        none = w.count(0)
        with w.each(none, rows, w.lanes) as (t, _), w.each(none, columns, w.lanes) as (j, _):
            first = builder.add(at, t)
            square = [w.load(w.at(x, d, builder.add(first, w.count(i)), j)) for i in places]
            for i, column in enumerate(w.turned(square)):
                own = builder.add(j, w.count(i))
                middle = builder.load(builder.gep(origin, [own]))
                w.store(w.less(column, middle), w.at(z, width, own, t))
        return context.get_dummy_value()

    return types.void(x, at, n, origin, z), write


turn: Any = intrinsic(_turn)

"""Times and sizes in words, each in the unit that suits it."""

from collections.abc import Sequence

_TIMES = ((1.0, "s"), (1e-3, "ms"), (1e-6, "µs"), (1e-9, "ns"))
_SIZES = ((1e9, "GB"), (1e6, "MB"), (1e3, "kB"), (1.0, "B"))


def time_of(seconds: float) -> str:
    """Seconds with three digits.

    >>> [time_of(seconds) for seconds in (90.0, 0.0123, 0.00099999, 2e-10, 0.0)]
    ['90 s', '12.3 ms', '1 ms', '0.2 ns', '0 s']
    """
    return _with_unit(seconds, _TIMES)


def size_of(count: float) -> str:
    """Bytes with three digits.

    >>> size_of(46.44e6)
    '46.4 MB'
    """
    return _with_unit(count, _SIZES)


def _with_unit(value: float, units: Sequence[tuple[float, str]]) -> str:
    # of 999.9, three digits are a thousand, which is 1 of the next unit
    fitting = ((scale, unit) for scale, unit in units if value >= 0.9995 * scale)
    scale, unit = next(fitting, units[-1] if value else units[0])
    shown = value / scale
    return f"{shown:.0f} {unit}" if shown >= 999.5 else f"{shown:.3g} {unit}"

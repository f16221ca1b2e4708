"""Quantiles that the intervals need, from the standard library alone."""

import math
from statistics import NormalDist

_SMALLEST = 1e-300
_PRECISION = 1e-15


def normal_quantile(probability: float) -> float:
    """Give the point below which a standard normal variable lies with the given probability."""
    return NormalDist().inv_cdf(probability)


def _beta_fraction(a: float, b: float, x: float) -> float:
    """Evaluate the continued fraction of the incomplete beta function by Lentz's method.

    Source: DLMF 8.17.22; Lentz 1976 in the modified form of Thompson and Barnett 1986.
    """
    c, d = 1.0, 1.0 - (a + b) * x / (a + 1.0)
    d = 1.0 / (d if abs(d) > _SMALLEST else _SMALLEST)
    result = d
    for m in range(1, 10_000):
        even = m * (b - m) * x / ((a + 2 * m - 1) * (a + 2 * m))
        odd = -(a + m) * (a + b + m) * x / ((a + 2 * m) * (a + 2 * m + 1))
        for step in (even, odd):
            d = 1.0 + step * d
            d = 1.0 / (d if abs(d) > _SMALLEST else _SMALLEST)
            c = 1.0 + step / c
            c = c if abs(c) > _SMALLEST else _SMALLEST
            result *= c * d
        if abs(c * d - 1.0) < _PRECISION:
            break
    return result


def incomplete_beta(a: float, b: float, x: float) -> float:
    """Give the regularised incomplete beta function I_x(a, b), for a, b > 0 and x in 0..1."""
    if x <= 0.0:
        return 0.0
    if x >= 1.0:
        return 1.0
    scale = math.exp(
        math.lgamma(a + b) - math.lgamma(a) - math.lgamma(b) + a * math.log(x) + b * math.log1p(-x)
    )
    if x < (a + 1.0) / (a + b + 2.0):
        return scale * _beta_fraction(a, b, x) / a
    return 1.0 - scale * _beta_fraction(b, a, 1.0 - x) / b


def student_tail(t: float, degrees: float) -> float:
    """Give the probability that |T| exceeds |t| for Student's t with the given degrees."""
    square = t * t
    if square < degrees:  # the complement keeps the digits that 1 - x would lose
        return 1.0 - incomplete_beta(0.5, degrees / 2.0, square / (degrees + square))
    return incomplete_beta(degrees / 2.0, 0.5, degrees / (degrees + square))


def student_quantile(probability: float, degrees: float) -> float:
    """Give the point below which Student's t lies with the given probability (above one half).

    Found by bisection on the tail, to about twelve digits.
    """
    tail = 2.0 * (1.0 - probability)
    low, high = 0.0, 1.0
    while student_tail(high, degrees) > tail:
        low, high = high, high * 2.0
    for _ in range(80):
        middle = (low + high) / 2.0
        if student_tail(middle, degrees) > tail:
            low = middle
        else:
            high = middle
    return (low + high) / 2.0

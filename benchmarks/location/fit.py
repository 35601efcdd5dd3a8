"""The network of `bgremove.engines._network` once more, for JAX, which tells how its answer depends on its numbers."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

from benchmarks.location.pictures import Samples, Scaling
from bgremove.engines._barriers import Field
from bgremove.engines._network import shapes

EPOCHS, BATCH, RATE, DECAY = 10, 32, 3e-3, 0.05
_LEAST_RATE, _WARM_UP = 1e-5, 100  # steps until the whole rate is reached
_FIRST, _SECOND = 0.9, 0.999  # how much of their means each step keeps


class State(NamedTuple):
    """What a step of Adam changes."""

    values: Any
    first: Any
    second: Any


def fit(parts: Sequence[Samples], scaling: Scaling, seed: int = 0) -> Field:
    """The numbers of the network, for `bgremove.engines._network.unpack`.

    By Adam with decay of the weights (Loshchilov, Hutter 2019, https://arxiv.org/abs/1711.05101).
    """
    generator = np.random.default_rng(seed)
    values = _initial(generator)
    state = State(values, *(jax.tree.map(jnp.zeros_like, values) for _ in range(2)))
    where = [(part, i) for part, samples in enumerate(parts) for i in range(len(samples.drawn))]
    per_epoch = len(where) // BATCH
    for number in range(EPOCHS * per_epoch):
        if number % per_epoch == 0:
            order = generator.permutation(len(where))
        chosen = [where[i] for i in order[number % per_epoch * BATCH :][:BATCH]]
        seen = np.stack([parts[part].planes(i) for part, i in chosen])
        truth = np.stack([parts[part].truth[i] for part, i in chosen]) / np.float32(255)
        if generator.random() < 0.5:
            seen, truth = seen[..., ::-1], truth[..., ::-1]
        state, loss = _step(state, number, EPOCHS * per_epoch, seen, truth)
        if number % 100 == 0:
            sys.stderr.write(f"step {number} of {EPOCHS * per_epoch}: loss {loss:.3f}\n")
    return _pack(scaling, state.values)


def _initial(generator: np.random.Generator) -> dict[str, Any]:
    """Weights and bias of each layer; weights of neighbours are (3, 3, planes, units), others (planes, units)."""
    values = {}
    for name, (units, planes, *around) in shapes().items():
        shape = (3, 3, planes, units) if around else (planes, units)
        spread = (2 / np.prod(shape[:-1])) ** 0.5 * (0.3 if name == "last" else 1)
        values[name] = jnp.asarray(generator.normal(0, spread, shape), jnp.float32), jnp.zeros(units)
    return values


def _pack(scaling: Scaling, values: dict[str, Any]) -> Field:
    """One after the other, in the order of `bgremove.engines._network.Network`."""
    numbers = [scaling.mean, scaling.scale]
    for weights, bias in (values[name] for name in shapes()):
        last_two = np.moveaxis(np.asarray(weights), (-1, -2), (0, 1))
        numbers += [last_two.ravel(), np.asarray(bias)]
    return np.concatenate(numbers).astype(np.float32)


@jax.jit  # type: ignore[untyped-decorator]
def _step(state: State, number: Any, steps: Any, seen: Any, truth: Any) -> tuple[State, Any]:
    loss, slopes = jax.value_and_grad(_loss)(state.values, seen, truth)
    rate = RATE * jnp.minimum(1, number / _WARM_UP) * (1 + jnp.cos(jnp.pi * number / steps)) / 2 + _LEAST_RATE
    first = jax.tree.map(lambda mean, slope: _FIRST * mean + (1 - _FIRST) * slope, state.first, slopes)
    second = jax.tree.map(lambda mean, slope: _SECOND * mean + (1 - _SECOND) * slope**2, state.second, slopes)

    def move(value: Any, mean: Any, square: Any) -> Any:
        scaled = mean / (1 - _FIRST ** (number + 1)) / (jnp.sqrt(square / (1 - _SECOND ** (number + 1))) + 1e-8)
        return value - rate * (scaled + (DECAY * value if value.ndim > 1 else 0))

    return State(jax.tree.map(move, state.values, first, second), first, second), loss


def _loss(values: dict[str, Any], seen: Any, truth: Any) -> Any:
    """Logarithmic, where pixels are open; all pictures count alike."""
    inside = seen[:, -2]
    odds = _answer(values, jnp.moveaxis(seen, 1, -1))
    losses = (jax.nn.softplus(odds) - truth * odds) * inside
    return jnp.mean(losses.sum((1, 2)) / inside.sum((1, 2)))


def _answer(values: dict[str, Any], seen: Any) -> Any:
    """(pictures, H, W), of (pictures, H, W, planes)."""

    def layer(name: str, *parts: Any) -> Any:
        weights, bias = values[name]
        planes = jnp.concatenate(parts, axis=-1)
        if weights.ndim == 2:
            return planes @ weights + bias
        order = ("NHWC", "HWIO", "NHWC")
        return jax.lax.conv_general_dilated(planes, weights, (1, 1), "SAME", dimension_numbers=order) + bias

    def larger(planes: Any, method: str) -> Any:
        pictures, height, width, units = planes.shape
        return jax.image.resize(planes, (pictures, 2 * height, 2 * width, units), method)

    pixel = jax.nn.relu(layer("pixel", seen))
    half = jax.nn.relu(layer("half", _halved(pixel)))
    quarter = jax.nn.relu(layer("quarter", _halved(half)))
    eighth = jax.nn.relu(layer("eighth", _halved(quarter)))
    whole = layer("whole", eighth.mean((1, 2), keepdims=True))
    wide = jax.nn.relu(layer("wide", eighth) + whole)
    quarter = jax.nn.relu(layer("quarter_again", larger(wide, "nearest"), quarter))
    half = jax.nn.relu(layer("half_again", larger(quarter, "nearest"), half))
    pixel = jax.nn.relu(layer("pixel_again", larger(half, "bilinear"), pixel))
    return layer("last", pixel)[..., 0]


def _halved(planes: Any) -> Any:
    pictures, height, width, units = planes.shape
    return planes.reshape(pictures, height // 2, 2, width // 2, 2, units).mean((2, 4))

"""The network of `bgremove.engines._network` once more, for TensorFlow, which tells how its answer is changed."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from typing import Any

import keras
import numpy as np
import tensorflow as tf

from benchmarks.location.pictures import Samples, Scaling
from bgremove.engines._barriers import Field
from bgremove.engines._network import shapes

EPOCHS, BATCH, RATE, DECAY = 12, 32, 2e-3, 0.05
_WARM_UP = 300  # steps until the whole rate is reached
_COMPUTED = tf.bfloat16  # what sums are made of; the numbers themselves have 32 bits

Weights = dict[str, tuple[Any, Any]]


def fit(parts: Sequence[Samples], scaling: Scaling, seed: int = 0) -> Field:
    """The numbers of the network, for `bgremove.engines._network.unpack`.

    By Adam with decay of the weights (Loshchilov, Hutter 2019, https://arxiv.org/abs/1711.05101).
    """
    generator = np.random.default_rng(seed)
    weights = initial(generator)
    where = [(part, i) for part, samples in enumerate(parts) for i in range(len(samples.drawn))]
    steps = EPOCHS * (len(where) // BATCH)
    step = make_step(weights, steps)
    for number in range(steps):
        if number % (steps // EPOCHS) == 0:
            order = generator.permutation(len(where))
        chosen = [where[i] for i in order[number % (steps // EPOCHS) * BATCH :][:BATCH]]
        loss = step(*batch(parts, chosen, generator))
        if number % 100 == 0:
            sys.stderr.write(f"step {number} of {steps}: loss {float(loss):.3f}\n")
    return pack(scaling, weights)


def batch(parts: Sequence[Samples], chosen: Sequence[tuple[int, int]], generator: np.random.Generator) -> list[Field]:
    """Planes, pictures and truth of some samples, or of their mirror images."""
    arrays: list[Field] = [
        np.stack([parts[part].planes(i) for part, i in chosen]).transpose(0, 2, 3, 1),
        np.stack([parts[part].pictures[i] for part, i in chosen]).astype(np.float32),
        np.asarray(np.stack([parts[part].truth[i] for part, i in chosen]) / 255, np.float32),
    ]
    mirrored = generator.random() < 0.5
    return [np.ascontiguousarray(each[:, :, ::-1] if mirrored else each) for each in arrays]


def initial(generator: np.random.Generator) -> Weights:
    """Weights and bias of each layer; weights of neighbours are (3, 3, planes, units), others (1, 1, planes, units)."""
    values: Weights = {}
    for name, (units, planes, *around) in shapes().items():
        shape = *((3, 3) if around else (1, 1)), planes, units
        spread = (2 / np.prod(shape[:-1])) ** 0.5 * (0.3 if name == "last" else 1)
        first = generator.normal(0, spread, shape).astype(np.float32)
        values[name] = tf.Variable(first), tf.Variable(np.zeros(units, np.float32))
    return values


def pack(scaling: Scaling, weights: Weights) -> Field:
    """One after the other, in the order of `bgremove.engines._network.Network`."""
    numbers = [scaling.mean, scaling.scale]
    for values, bias in (weights[name] for name in shapes()):
        numbers += [values.numpy().transpose(3, 2, 0, 1).ravel(), bias.numpy()]
    return np.concatenate(numbers).astype(np.float32)


def make_step(weights: Weights, steps: int) -> Any:
    """A function of planes, pictures and truth that changes the weights and returns the loss before."""
    rate = keras.optimizers.schedules.CosineDecay(0.0, steps - _WARM_UP, warmup_target=RATE, warmup_steps=_WARM_UP)
    optimizer = keras.optimizers.AdamW(rate, weight_decay=DECAY)
    every = [value for layer in weights.values() for value in layer]
    optimizer.exclude_from_weight_decay([bias for _, bias in weights.values()])
    optimizer.build(every)

    @tf.function  # type: ignore[untyped-decorator]
    def step(planes: Any, pictures: Any, truth: Any) -> Any:
        with tf.GradientTape() as tape:
            loss = _loss(weights, planes, pictures, truth)
        optimizer.apply_gradients(zip(tape.gradient(loss, every), every, strict=True))
        return loss

    return step


def _loss(weights: Weights, planes: Any, pictures: Any, truth: Any) -> Any:
    """Logarithmic, where pixels are open; all pictures count alike."""
    inside = planes[..., -2]
    losses = tf.nn.sigmoid_cross_entropy_with_logits(truth, answer(weights, planes, pictures)) * inside
    return tf.reduce_mean(tf.reduce_sum(losses, (1, 2)) / tf.reduce_sum(inside, (1, 2)))


def answer(weights: Weights, planes: Any, pictures: Any) -> Any:
    """(pictures, H, W), of (pictures, H, W, planes) and (pictures, 2 H, 2 W, 3)."""

    def layer(name: str, *parts: Any) -> Any:
        values, bias = (tf.cast(each, _COMPUTED) for each in weights[name])
        return tf.nn.bias_add(tf.nn.conv2d(tf.concat(parts, -1), values, 1, "SAME"), bias)

    def seen(name: str, *parts: Any) -> Any:
        return tf.nn.relu(layer(name, *parts))

    def halved(planes: Any) -> Any:
        return tf.nn.avg_pool2d(planes, 2, 2, "VALID")

    def doubled(planes: Any) -> Any:
        _, height, width, units = planes.shape
        spread = tf.tile(planes[:, :, None, :, None], (1, 1, 2, 1, 2, 1))
        return tf.reshape(spread, (-1, 2 * height, 2 * width, units))

    planes = tf.cast(planes, _COMPUTED)
    fine = seen("fine", tf.nn.space_to_depth(tf.cast(pictures / 64 - 2, _COMPUTED), 2))
    pixel = seen("pixel", planes, fine)
    half = seen("half", halved(pixel))
    quarter = seen("quarter_more", seen("quarter", halved(half)))
    eighth = seen("eighth", halved(quarter))
    whole = layer("whole", tf.reduce_mean(eighth, (1, 2), keepdims=True))
    wide = seen("wider", tf.nn.relu(layer("wide", eighth) + whole))
    quarter = seen("quarter_again", doubled(wide), quarter)
    half = seen("half_again", doubled(quarter), half)
    smooth = tf.cast(tf.image.resize(half, (2 * half.shape[1], 2 * half.shape[2])), _COMPUTED)
    pixel = seen("pixel_again", smooth, pixel)
    return tf.cast(layer("last", pixel), tf.float32)[..., 0]

"""Models small enough to be made by the tests: how far each pixel's colour is from those along the border."""

import numpy as np
from onnx import TensorProto, helper, numpy_helper, save

from bgremove.engines import PRESETS, read_model

HALFWAY, STEEPNESS = 0.15, 80.0
"""The distance, of samples from 0 to 1, that is as likely object as not, and how soon it is sure beyond that."""


def write_model(
    path,
    preset="u2netp",
    *,
    precision="float32",
    dynamic=False,
    quantised=False,
    input_shape=None,
    channels=1,
    gain=1.0,
):
    """A model that takes what `preset` does and answers as it does; gives ``PRESET=PATH``."""
    convention = PRESETS[preset]
    number = {"float32": np.float32, "float16": np.float16}[precision]
    kind = {"float32": TensorProto.FLOAT, "float16": TensorProto.FLOAT16}[precision]
    constants = {
        "deviation": np.reshape(convention.deviation, (1, 3, 1, 1)).astype(number),
        "halfway": np.array(HALFWAY, number),
        "steepness": np.array(STEEPNESS * gain, number),
        "first": np.array([0], np.int64),
        "second": np.array([1], np.int64),
        "rows": np.array([2], np.int64),
        "step": np.array([1 / 255], np.float32),
        "zero": np.array([0], np.uint8),
        "repeats": np.array([1, channels, 1, 1], np.int64),
    }
    nodes = [
        helper.make_node("Mul", ["image", "deviation"], ["samples"]),
        helper.make_node("Slice", ["samples", "first", "second", "rows"], ["top"]),
        helper.make_node("ReduceMean", ["top"], ["border"], axes=[3]),
        helper.make_node("Sub", ["samples", "border"], ["difference"]),
        helper.make_node("ReduceL2", ["difference"], ["distance"], axes=[1]),
        helper.make_node("Sub", ["distance", "halfway"], ["beyond"]),
        helper.make_node("Mul", ["beyond", "steepness"], ["logits"]),
        helper.make_node("Sigmoid", ["logits"], ["probability"]),
    ]
    answer = "logits" if convention.sigmoid else "probability"
    if quantised:
        nodes += [
            helper.make_node("QuantizeLinear", [answer, "step", "zero"], ["whole"]),
            helper.make_node("DequantizeLinear", ["whole", "step", "zero"], ["coarse"]),
        ]
        answer = "coarse"
    nodes.append(helper.make_node("Tile", [answer, "repeats"], ["alpha"]))
    sides = ["height", "width"] if dynamic or convention.multiple else [convention.size] * 2
    graph = helper.make_graph(
        nodes,
        "distance",
        [helper.make_tensor_value_info("image", kind, input_shape or [1, 3, *sides])],
        [helper.make_tensor_value_info("alpha", kind, None)],
        [numpy_helper.from_array(value, name) for name, value in constants.items()],
    )
    save(helper.make_model(graph, opset_imports=[helper.make_opsetid("", 13)], ir_version=8), path)
    return f"{preset}={path}"


def model_for(engine, folder):
    """The model that an engine is made with in the tests, None for one that takes none."""
    return read_model(write_model(folder / "tiny.onnx")) if engine == "onnx" else None

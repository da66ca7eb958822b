"""Valid files of every kind that jaxface reads, and how each is read: what `fuzz` spoils."""

import dataclasses
import gzip
import hashlib
import json
import pickle
import struct
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from tests import data_trees, flame_files, photographs, torch_files


@dataclass(frozen=True)
class Seed:
    """A folder of valid files.

    Attributes:
        group: of the table of results.
        name: within the group.
        write: fills an empty folder.
        read: reads it as jaxface does, to the last number; what it returns must not change unnoticed where
            `is_run`.
        is_run: every changed number must be noticed.
        share: how many cases it gets, relative to others.
    """

    group: str
    name: str
    write: Callable[[Path], Any]
    read: Callable[[Path], Any]
    is_run: bool = False
    share: float = 1.0


def seeds() -> list[Seed]:
    """Return the seeds of all groups, in a fixed order."""
    return [
        *_faces(),
        *_textures(),
        *_checkpoints(),
        *_settings(),
        *_classifiers(),
        *_pictures(),
        *_tables(),
        *_data_sets(),
        *_runs(),
    ]


def _faces() -> list[Seed]:
    from jaxface import face
    from jaxface.face.loaders import obj

    flame = flame_files.flame_arrays()
    return [
        Seed(
            "FLAME pickle",
            "chumpy",
            lambda folder: flame_files.write_flame_pickle(folder / "flame.pkl", flame),
            lambda folder: face.load(folder / "flame.pkl"),
            share=2,
        ),
        Seed(
            "FLAME pickle",
            "2023",
            lambda folder: flame_files.write_flame_pickle_2023(folder / "flame2023.pkl", flame),
            lambda folder: face.load(folder),
            share=2,
        ),
        Seed(
            "face .npz",
            "FLAME",
            lambda folder: flame_files.write_flame_npz(folder / "flame.npz", flame),
            lambda folder: face.load(folder / "flame.npz"),
            share=2,
        ),
        Seed(
            "OBJ",
            "mesh",
            lambda folder: flame_files.write_head_template(folder / "head.obj", flame["f"]),
            lambda folder: obj.read_mesh(folder / "head.obj"),
        ),
        Seed(
            "OBJ",
            "positions",
            lambda folder: flame_files.write_head_template(folder / "head.obj", flame["f"]),
            lambda folder: obj.read_positions(folder / "head.obj", 60),
        ),
    ]


def _textures() -> list[Seed]:
    from jaxface import face

    flame = flame_files.flame_arrays()

    def with_flame(write: Callable[[Path], Any]) -> Callable[[Path], Any]:
        def write_both(folder: Path) -> None:
            flame_files.write_flame_npz(folder / ".flame.npz", flame)  # hidden files stay whole
            write(folder)

        return write_both

    def masks(folder: Path) -> None:
        arrays = {"face": np.arange(60), "lips": np.arange(9), "scalp": np.arange(20, 40)}
        (folder / "masks.pkl").write_bytes(pickle.dumps(arrays, 2))

    rows = {
        "FLAME": (lambda folder: flame_files.write_flame_texture(folder / "texture.npz"), "texture"),
        "AlbedoMM": (lambda folder: flame_files.write_albedo_mm(folder / "texture.npz"), "texture"),
        "masks": (masks, "masks"),
    }
    return [
        Seed(
            "masks and textures",
            name,
            with_flame(write),
            lambda folder, option=option: face.load(
                folder / ".flame.npz",
                **{option: folder / {"texture": "texture.npz", "masks": "masks.pkl"}[option]},
            ),
        )
        for name, (write, option) in rows.items()
    ]


def _checkpoints() -> list[Seed]:
    from jaxface.classify import checkpoints

    arrays = torch_files.arrays()

    def read(name: str) -> Callable[[Path], Any]:
        return lambda folder: [np.asarray(tensor) for tensor in checkpoints.read(folder / name).values()]

    def safetensors(folder: Path) -> None:
        from safetensors.numpy import save_file

        save_file(arrays, folder / "model.safetensors")

    def hdf5(folder: Path) -> None:
        import h5py

        with h5py.File(folder / "model.hdf5", "w") as file:
            for name, array in arrays.items():
                file[f"model_weights/{name.replace('.', '/')}:0"] = array

    def shards(folder: Path) -> None:
        weights: list[dict[str, Any]] = [{"name": "a/kernel", "shape": [4, 3], "dtype": "float32"}]
        weights += [{"name": "b", "shape": [5], "dtype": "float32"}]
        weights[1]["quantization"] = {"dtype": "uint8", "scale": 0.5, "min": -1.0}
        (folder / "shard0").write_bytes(np.arange(12, dtype=np.float32).tobytes())
        (folder / "shard1").write_bytes(bytes(5))
        manifest = [{"weights": weights, "paths": ["shard0", "shard1"]}]
        (folder / "weights_manifest.json").write_text(json.dumps(manifest))

    state_dict = {"state_dict": torch_files.tensors(arrays), "epoch": 3}
    rows: list[tuple[str, str, Callable[[Path], Any]]] = [
        (".pth, zip", "model.pth", lambda folder: torch_files.save_zip(folder / "model.pth", state_dict)),
        (".pth, legacy", "model.pth", lambda folder: torch_files.save_legacy(folder / "model.pth", state_dict)),
        ("safetensors", "model.safetensors", safetensors),
        (".npz checkpoint", "model.npz", lambda folder: np.savez(folder / "model.npz", **arrays)),
        ("HDF5", "model.hdf5", hdf5),
        ("TensorFlow.js", "weights_manifest.json", shards),
    ]
    return [Seed(group, "state dict", write, read(file), share=3) for group, file, write in rows]


def _settings() -> list[Seed]:
    from jaxface.audit import AuditConfig
    from jaxface.audit.observe import ObserveConfig
    from jaxface.classify import card
    from jaxface.core.config import dump_toml, load_toml
    from jaxface.data.rendered import load_recipe
    from jaxface.data.rendered.causal_world import load_world
    from jaxface.data.retarget import RetargetConfig
    from jaxface.frameworks.common.config import TrainConfig

    def config(cls: type) -> Seed:
        return Seed(
            "config TOML",
            cls.__name__,
            lambda folder: (folder / "config.toml").write_text(dump_toml(cls())),
            lambda folder: load_toml(cls, folder / "config.toml"),
        )

    def packaged(name: str) -> bytes:
        import jaxface

        return (Path(jaxface.__file__).parent / name).read_bytes()

    return [
        *(config(cls) for cls in (AuditConfig, ObserveConfig, RetargetConfig, TrainConfig)),
        Seed(
            "recipe TOML",
            "wild",
            lambda folder: (folder / "r.toml").write_bytes(packaged("data/rendered/recipes/wild.toml")),
            lambda folder: load_recipe(folder / "r.toml"),
        ),
        Seed(
            "recipe TOML",
            "world",
            lambda folder: (folder / "w.toml").write_bytes(packaged("data/rendered/worlds/signed.toml")),
            lambda folder: load_world(folder / "w.toml"),
        ),
        Seed(
            "card TOML",
            "card",
            lambda folder: (folder / "card.toml").write_bytes(packaged("classify/assets/face-api/card.toml")),
            lambda folder: card.read_card(folder),
            share=2,
        ),
    ]


def _classifiers() -> list[Seed]:
    from jaxface import classify
    from jaxface.classify import Card, exported

    images = np.linspace(0, 1, 2 * 4 * 4 * 3, dtype=np.float32).reshape(2, 4, 4, 3)

    def flax(folder: Path) -> None:
        import jaxface

        place = Path(jaxface.__file__).parent / "classify/assets/fer-mini-xception"
        for name in ("card.toml", "weights.npz"):
            (folder / name).write_bytes((place / name).read_bytes())

    def stablehlo(folder: Path) -> None:
        import jax.numpy as jnp

        def forward(weights: Any, images: Any) -> Any:
            return jnp.tanh(images.reshape(images.shape[0], -1) @ weights["kernel"])

        kernel = np.random.default_rng(0).standard_normal((48, 3)).astype(np.float32)
        card = Card("small", ("happy", "sad", "fear"), "", size=4, weights="")
        exported.write(folder, card, forward, {"kernel": kernel})

    def onnx(folder: Path) -> None:
        from tests.test_classify_import import onnx_model

        card = Card("small", ("happy", "sad", "fear"), "", size=4, weights="weights.onnx")
        onnx_model(folder / "weights.onnx", classes=3, size=4)
        classify.card.write_card(dataclasses.replace(card, architecture="onnx"), folder)

    def ask(folder: Path) -> Any:
        return np.asarray(classify.load(folder).logits(images))

    return [
        Seed("classifier folder", "fer-mini-xception", flax, lambda folder: classify.load(folder).state),
        Seed("StableHLO folder", "small", stablehlo, ask),
        Seed("ONNX folder", "small", onnx, ask),
    ]


def _pictures() -> list[Seed]:
    from PIL import Image

    from jaxface.core.errors import DataError
    from jaxface.data import sources

    pixels = np.random.default_rng(0).integers(0, 256, (20, 24, 3), np.uint8)

    def read(ending: str) -> Callable[[Path], Any]:
        def check_and_decode(folder: Path) -> np.ndarray:
            path = folder / f"a.{ending}"
            if fault := sources.find_fault(path, "full"):
                raise DataError(fault)
            return sources.decode(path)

        return check_and_decode

    def write(ending: str) -> Callable[[Path], Any]:
        image = Image.fromarray(256 * pixels[..., 0].astype(np.uint16) if ending == "tif" else pixels)
        return lambda folder: image.save(folder / f"a.{ending}")

    endings = ("jpg", "png", "bmp", "webp", "gif", "tif", "ppm")
    return [Seed("pictures", ending, write(ending), read(ending), share=0.7) for ending in endings]


def _tables() -> list[Seed]:
    from jaxface.audit.observe.table import read_table
    from jaxface.audit.people_files import read_people
    from jaxface.frameworks.causal_affect.graphs import files as graph_files
    from jaxface.frameworks.causal_affect.graphs.signed import SignedGraph

    people = [{"shape": [0.1, 0.2, 0.3], "tex": [0.0, 1.0]}, {"shape": [0.3, -0.2, 0.1], "tex": [0.5, 0.5]}]
    arrays = {"shape": np.ones((3, 5)), "tex": np.zeros((3, 4))}
    rows: list[tuple[str, Callable[[Path], Any]]] = [
        ("codes.npz", lambda folder: np.savez(folder / "codes.npz", **arrays)),
        ("codes.npy", lambda folder: np.save(folder / "codes.npy", np.ones((3, 5)))),
        ("codes.json", lambda folder: (folder / "codes.json").write_text(json.dumps(people))),
        ("codes.csv", lambda folder: (folder / "codes.csv").write_text("shape_0,shape_1\n0.1,0.2\n0.3,0.4\n")),
    ]
    graph = SignedGraph((1, 2), ("happiness",), np.array([[0, 0.5], [0, 0]]), np.array([[1.0], [-0.25]]))

    def table(folder: Path) -> None:
        photographs.write_table(folder, 4)
        for path in folder.glob("*.png"):  # which are read later
            path.unlink()

    graphs = [
        Seed(
            "signed graph",
            name,
            lambda folder, name=name: graph_files.write(graph, folder / name),
            lambda folder, name=name: graph_files.read(folder / name),
        )
        for name in ("graph.json", "graph.graphml")
    ]
    return [
        *graphs,
        Seed(
            "observe table",
            "table.csv",
            table,
            lambda folder: read_table(folder / "table.csv"),
            share=2,
        ),
        *(
            Seed("people", name, write, lambda folder, name=name: read_people(folder / name))
            for name, write in rows
        ),
    ]


def _data_sets() -> list[Seed]:
    from jaxface import data
    from tests import test_data_hostile

    def read(name: str, options: dict[str, Any]) -> Callable[[Path], Any]:
        def read_all(folder: Path) -> Any:
            dataset = data.open(name, folder, **options)
            return [dataset[index]["image"] for index in range(min(len(dataset), 8))]

        return read_all

    trees = [
        Seed("data readers", title, tree.build, read(name, tree.options), share=0.6)
        for title, (name, tree) in data_trees.TREES.items()
    ]
    digits = {
        "t10k-images-idx3-ubyte.gz": struct.pack(">4I", 0x803, 3, 28, 28) + bytes(3 * 784),
        "t10k-labels-idx1-ubyte.gz": struct.pack(">2I", 0x801, 3) + bytes(3),
    }

    def mnist(folder: Path) -> None:
        for name, content in digits.items():
            (folder / name).write_bytes(gzip.compress(content))

    def dsprites(folder: Path) -> None:
        arrays = {"imgs": np.ones((3, 64, 64), np.uint8), "latents_classes": np.zeros((3, 6), np.int64)}
        np.savez_compressed(folder / "dsprites_ndarray.npz", **arrays)

    trees += [
        Seed("data readers", "mnist", mnist, read("mnist", {"split": "test"})),
        Seed("data readers", "dsprites", dsprites, read("dsprites", {})),
    ]
    return [
        *trees,
        Seed("rendered set", "rendered", test_data_hostile.rendered_set, read("rendered", {}), share=4),
    ]


def _runs() -> list[Seed]:
    from jaxface.audit import load
    from jaxface.frameworks.common.training import restore
    from tests import runs
    from tests.toy_framework import TOY

    config = dataclasses.replace(
        runs.CONFIG, identities=2, expressions=("happiness", "surprise"), time_steps=3, symmetry_steps=3
    )

    def read_run(folder: Path) -> str:
        result = load(folder)
        digest = hashlib.sha256(result.summary.to_json().encode())
        for name in sorted(map(str, result.data.variables)):
            values = np.asarray(result.data[name].values)
            digest.update(name.encode() + (repr(values.tolist()).encode()))
        return digest.hexdigest()

    def training(folder: Path) -> None:

        from tests.test_frameworks_fit import examples, train

        train(folder, examples(40))

    def read_training(folder: Path) -> str:
        import jax

        from jaxface.frameworks.common.run_folder import read_log

        read_log(folder)
        digest = hashlib.sha256()
        for leaf in jax.tree.leaves(restore(folder, TOY).result.state):
            digest.update(np.asarray(leaf).tobytes())
        return digest.hexdigest()

    return [
        Seed("run folder", "audit", lambda folder: runs.finished_run(folder, config), read_run, True, 6),
        Seed("training folder", "toy", training, read_training, True, 3),
    ]

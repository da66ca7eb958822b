"""`jaxface.interventions.grid` beside two other renderers of the same frames: a plain C z-buffer, and
Mesa's llvmpipe.

    taskset -c 0 python -m benchmarks.reference_renderers --out benchmarks/results

Needs a C compiler called `cc`; for llvmpipe the extra `bench` and Mesa's EGL. `times_c` and
`times_llvmpipe` are the CPU time of the other renderer divided by ours, per image. The C program
gets the vertices for free, llvmpipe the vertices and their light.
"""

import ctypes
import importlib
import subprocess
import tempfile
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import jax.numpy as jnp
import numpy as np
import tyro

from benchmarks.rows import write_rows
from jaxface import face, render
from jaxface.bench.harness import measure
from jaxface.bench.render import RANGES, SIZES, full_expression, grid_row, timing_row
from jaxface.bench.render import times as range_times
from jaxface.core.errors import ConfigError
from jaxface.face import geometry
from jaxface.face.appearance import wrinkle_weights
from jaxface.render.light import irradiance
from jaxface.render.vertex import vertex_normals

_VERTEX = """#version 330
in vec3 position; in vec2 uv; in vec4 shade; out vec2 at; out vec4 light; uniform vec4 camera;
void main() {
    float z = camera.z - position.z;
    at = uv; light = shade;
    gl_Position = vec4(camera.w * (position.xy - camera.xy), z * (z - 0.6) / 0.6, z);
}"""
_FRAGMENT = """#version 330
in vec2 at; in vec4 light; out vec4 colour; uniform sampler2D skin;
void main() {
    vec4 s = texture(skin, vec2(at.x, 1.0 - at.y));
    colour = vec4(pow(s.rgb * light.rgb * (1.0 - s.a * light.a), vec3(1.0 / 2.2)), 1.0);
}"""

Renderer = Callable[[], np.ndarray]
"""Draw all frames: () -> (frames, size, size, 3)."""


@dataclass(frozen=True)
class Settings(face.HeadConfig):
    """What is drawn."""

    repeats: int = 5
    """Calls; the fastest counts."""

    steps: int = 30
    """Time steps of each part of the unfolding, as in `jaxface bench render`."""

    out: Path | None = None
    """Results file (.jsonl), or a folder for dated files."""


class Frames:
    """One person at a few times, as NumPy arrays: what the other renderers get for free."""

    def __init__(self, head: face.FaceModel, params: face.FaceParams, scene: render.Scene, times: Any) -> None:
        person = render.prepare(head, params, scene)
        camera = person.camera
        if not isinstance(camera, render.Perspective):
            raise ConfigError("reference renderers need a perspective camera: set the scene's distance above 0")
        self.head, self.scene = head, scene
        displacements = [geometry.expression_displacement(head, params.expression, 1.0, time) for time in times]
        self.vertices = [
            np.asarray(geometry.pose_head(head, params, each), np.float32) for each in displacements
        ]
        self.lines = [
            np.asarray(wrinkle_weights(head.appearance.wrinkles, each), np.float32) for each in displacements
        ]
        self.texture = np.asarray(person.texture, np.float32)
        self.camera = np.asarray([*camera.position, camera.focal], np.float32)


def rows(settings: Settings) -> Iterator[dict[str, Any]]:
    """Yield our row and one per reference renderer, for each size without supersampling."""
    head = face.load(str(settings.head), **settings.head_options)
    for size, supersample in SIZES:
        if supersample > 1:
            continue  # the reference renderers take one sample per pixel
        scene = render.Scene(size=size, supersample=supersample)
        for part in RANGES:
            yield from part_rows(head, scene, part, settings)


def part_rows(
    head: face.FaceModel, scene: render.Scene, part: str, settings: Settings
) -> Iterator[dict[str, Any]]:
    """Yield the rows of one part of the unfolding; ours comes last."""
    time = range_times(part, settings.steps)
    row = grid_row(head, scene, part, settings.steps, settings.repeats)
    frames = Frames(head, full_expression(head)[0], scene, time)
    for name, build in (("c", plain_c), ("llvmpipe", llvmpipe)):
        try:
            timing = measure(build(frames), repeats=settings.repeats)
        except ConfigError as error:
            yield {"name": name, "size": scene.size, "frames": part, "missing": str(error)}
            continue
        reference_row = timing_row(name, head, scene, len(time), timing)
        row[f"times_{name}"] = reference_row["cpu_ms_per_image"] / row["cpu_ms_per_image"]
        yield {**reference_row, "frames": part}
    yield row


def plain_c(frames: Frames) -> Renderer:
    """Compile `zbuffer.c` and return a renderer of all frames, one thread; float32 in [0, 1].

    Raises:
        ConfigError: there is no C compiler.
    """
    source = Path(__file__).with_name("zbuffer.c")
    library = Path(tempfile.mkdtemp()) / "zbuffer.so"
    flags = ["-O3", "-march=native", "-ffast-math", "-shared", "-fPIC"]
    try:
        subprocess.run(
            ["cc", *flags, "-o", str(library), str(source), "-lm"], check=True, capture_output=True, text=True
        )
    except (OSError, subprocess.CalledProcessError) as error:
        raise ConfigError(f"the C renderer needs a compiler called cc: {error}") from error
    draw = ctypes.CDLL(str(library)).draw
    head, size = frames.head, frames.scene.size
    faces, uv_faces = (np.ascontiguousarray(each, np.int32) for each in (head.faces, head.uv_faces))
    shading = (head.uv, np.broadcast_to(frames.scene.light, (9, 3)), frames.scene.background)
    uv, light, background = (np.ascontiguousarray(each, np.float32) for each in shading)
    display = (np.linspace(0.0, 1.0, 4096) ** (1.0 / float(frames.scene.gamma))).astype(np.float32)
    count = len(frames.vertices[0])
    work, depth = np.empty(10 * count, np.float32), np.empty(size * size, np.float32)
    owner, out = np.empty(size * size, np.int32), np.empty((len(frames.vertices), size, size, 3), np.float32)

    def pointer(array: np.ndarray) -> ctypes.c_void_p:
        return ctypes.c_void_p(array.ctypes.data)

    def run() -> np.ndarray:
        for number, (vertices, line) in enumerate(zip(frames.vertices, frames.lines, strict=True)):
            # The arguments in the order of `draw` in zbuffer.c.
            draw(
                *(ctypes.c_int(count), pointer(vertices), ctypes.c_int(len(faces)), pointer(faces)),
                *(pointer(uv), pointer(uv_faces), pointer(line), *map(ctypes.c_int, frames.texture.shape[:2])),
                *(pointer(each) for each in (frames.texture, light, frames.camera, display, background)),
                *(ctypes.c_int(size), *(pointer(each) for each in (work, depth, owner, out[number]))),
            )
        return out

    return run


def llvmpipe(frames: Frames) -> Renderer:
    """Return a renderer of all frames by Mesa's software driver; uint8.

    Shading is done beforehand; uploading vertices and reading pixels back count.

    Raises:
        ConfigError: moderngl or a software driver is missing.
    """
    try:
        moderngl: Any = importlib.import_module("moderngl")
        context = moderngl.create_context(standalone=True, backend="egl")
    except Exception as error:  # what a missing driver raises differs from driver to driver
        raise ConfigError(f"llvmpipe needs the extra `bench` and Mesa's EGL: {error}") from error
    head, size = frames.head, frames.scene.size
    # OpenGL has one index for all attributes: one vertex per (position, texture coordinate) pair.
    corners = np.stack([np.asarray(head.faces).ravel(), np.asarray(head.uv_faces).ravel()], axis=1)
    pairs, index = np.unique(corners, axis=0, return_inverse=True)
    shades = []
    for vertices, line in zip(frames.vertices, frames.lines, strict=True):
        shade = irradiance(frames.scene.light, vertex_normals(jnp.asarray(vertices), head.faces))
        light = np.broadcast_to(shade, vertices.shape)
        shades.append(np.concatenate([vertices, light, line[:, None]], axis=1)[pairs[:, 0]].astype("f4"))
    program = context.program(vertex_shader=_VERTEX, fragment_shader=_FRAGMENT)
    program["camera"].value = tuple(map(float, frames.camera))
    height, width = frames.texture.shape[:2]
    texture = context.texture((width, height), 4, frames.texture.tobytes(), dtype="f4")
    texture.repeat_x = texture.repeat_y = False
    texture.use()
    varying = context.buffer(reserve=shades[0].nbytes, dynamic=True)
    uv = context.buffer(np.asarray(head.uv)[pairs[:, 1]].astype("f4").tobytes())
    elements = context.buffer(index.astype("i4").tobytes())
    content = [(varying, "3f 4f", "position", "shade"), (uv, "2f", "uv")]
    mesh = context.vertex_array(program, content, elements)
    target = context.framebuffer(context.renderbuffer((size, size)), context.depth_renderbuffer((size, size)))
    target.use()
    context.enable(moderngl.DEPTH_TEST | moderngl.CULL_FACE)
    background = tuple(map(float, frames.scene.background))

    def run() -> np.ndarray:
        out = []
        for shade in shades:
            varying.write(shade)
            target.clear(*background)
            mesh.render()
            out.append(np.frombuffer(target.read(components=3), np.uint8).reshape(size, size, 3)[::-1])
        return np.stack(out)

    return run


def main() -> None:
    settings = tyro.cli(Settings, description=__doc__)
    write_rows(rows(settings), "render", settings.out)


if __name__ == "__main__":
    main()

"""Pictures of heads: camera, light, z-buffer, shading. Everything is pure JAX and differentiable."""

from jaxface.render._image import Prepared, draw, draw_many, grid, image, images, prepare
from jaxface.render.camera import Screen, frame, project
from jaxface.render.deferred import LANES
from jaxface.render.rasterizer import Fragments, rasterize
from jaxface.render.scenes import (
    Camera,
    Framing,
    Orthographic,
    Perspective,
    RenderConfig,
    Scene,
    scene,
)

__all__ = [
    "LANES",
    "Camera",
    "Fragments",
    "Framing",
    "Orthographic",
    "Perspective",
    "Prepared",
    "RenderConfig",
    "Scene",
    "Screen",
    "draw",
    "draw_many",
    "frame",
    "grid",
    "image",
    "images",
    "prepare",
    "project",
    "rasterize",
    "scene",
]

"""Pictures of heads: camera, light, z-buffer, shading.

Everything is pure JAX and differentiable.
"""

from jaxface.render._image import (
    image,
    images,
    map_pictures,
    prepare,
    render,
    render_expression,
    render_looks,
    render_many,
    render_vertices,
)
from jaxface.render.camera import Screen, frame, project
from jaxface.render.frame_batch import affine_pays, render_affine
from jaxface.render.frames import render_posed
from jaxface.render.motion import AffineFrames
from jaxface.render.rasterizer import Fragments, rasterize
from jaxface.render.scenes import (
    Camera,
    Deformation,
    Framing,
    Look,
    Orthographic,
    Perspective,
    Prepared,
    RenderConfig,
    Scene,
    scene,
)
from jaxface.render.vertex import LANES

__all__ = [
    "LANES",
    "AffineFrames",
    "Camera",
    "Deformation",
    "Fragments",
    "Framing",
    "Look",
    "Orthographic",
    "Perspective",
    "Prepared",
    "RenderConfig",
    "Scene",
    "Screen",
    "affine_pays",
    "frame",
    "image",
    "images",
    "map_pictures",
    "prepare",
    "project",
    "rasterize",
    "render",
    "render_affine",
    "render_expression",
    "render_looks",
    "render_many",
    "render_posed",
    "render_vertices",
    "scene",
]

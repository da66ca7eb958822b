from ._image import (
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
from .camera import Screen, frame, project
from .config import RenderConfig
from .frame_batch import affine_pays, render_affine
from .frames import render_posed
from .motion import AffineFrames
from .rasterizer import Fragments, rasterize
from .scenes import (
    Camera,
    Deformation,
    Framing,
    Look,
    Orthographic,
    Perspective,
    Prepared,
    Scene,
    scene,
)
from .vertex import LANES

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

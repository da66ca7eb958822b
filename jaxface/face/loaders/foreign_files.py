"""What a file looks like that is not the one that was asked for."""

NO_MODEL = "no face model"


def looks_like(start: bytes) -> str:
    """Return what a file is that begins with these bytes, as a predicate: "an image"."""
    text = start.lstrip().lower()
    if not start:
        return "empty"
    if text.startswith(b"version https://git-lfs"):
        return "a Git LFS pointer, the file itself is missing (git lfs pull)"
    if text.startswith((b"<!doctype", b"<html")):
        return "a web page, probably a login form instead of the download"
    if start.startswith(b"\x89HDF"):
        return "HDF5"
    if start.startswith((b"\x89PNG", b"\xff\xd8", b"GIF8", b"BM", b"II*\0", b"MM\0*")):
        return "an image"
    if start.startswith(b"\x93NUMPY"):
        return "a single array (.npy)"
    if start.startswith(b"PK"):
        return "a zip archive or .npz"
    if start[:1] == b"\x80" and start[1:2] in (b"\2", b"\3", b"\4", b"\5"):  # and its protocol
        return "a pickle"
    if start.startswith(b"\x1f\x8b"):
        return "compressed by gzip; decompress it first"
    if text.startswith((b"v ", b"#", b"mtllib", b"o ")):
        return "a single OBJ mesh without shapes; give its folder"
    return NO_MODEL

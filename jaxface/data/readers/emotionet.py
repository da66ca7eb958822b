"""EmotioNet's manually coded part (Fabian Benitez-Quiroz, Srinivasan & Martinez 2016).

The format is as cosanlab/py-feat, radekd91/emoca and others read it: `EmotioNet_FACS_aws_2020_24600.csv`
with the header `URL,URL orig,'AU 1','AU 2',...` of 60 action units, apostrophes around the addresses,
too, and 0, 1 and 999 = unknown; or, in older deliveries, `*.txt` with tabs, without a header, in the
same order.
"""

from pathlib import Path
from urllib.parse import unquote

from jaxface.core.errors import DataError
from jaxface.core.listing import list_files
from jaxface.core.tables import read_rows
from jaxface.data.dataset import Dataset
from jaxface.data.readers import common, frames
from jaxface.data.sources import Check

EMOTIONET_UNITS = (1, 2, 4, 5, 6, 9, 12, 17, 20, 25, 26)
_ADDRESSES, _UNITS = 2, 60  # columns without a header
_FOLDERS = ("images", "imgs")
_TWICE = "two addresses end in this name"


def read_emotionet(root: Path, *, units: tuple[int, ...] = EMOTIONET_UNITS, check: Check = "quick") -> Dataset:
    """Read EmotioNet from one table *.csv at the root, or from all its lists *.txt.

    Images are in `images` (or `imgs`), named as their addresses end, without a query: `x.jpg`, or
    `N_1/x.jpg` where folders are kept. Names to which two addresses lead are left out.

    Raises:
        DataError: the table, the folder or a unit is missing, or a line is damaged.
    """
    csv_tables = list_files(root, (".csv",))
    lists = [] if csv_tables else [path for path in list_files(root, (".txt",)) if _is_list(path)]
    if len(csv_tables) > 1 or not (csv_tables or lists):
        raise DataError(
            f"{root} has {len(csv_tables)} tables *.csv; EmotioNet has one, or lists *.txt with tabs; "
            "save a workbook as CSV"
        )
    base = next((base for base in _FOLDERS if (root / base).is_dir()), None)
    if base is None:
        raise DataError(f"no folder {root / _FOLDERS[0]} (EmotioNet's images)")
    images, addresses = common.ImageList(), dict[str, str]()
    columns = None if csv_tables else {unit: _ADDRESSES + unit - 1 for unit in range(1, _UNITS + 1)}
    rows = [row for path in csv_tables or lists for row in frames.read_codes(path, units, columns)]
    names = [_name(root, base, cells[0]) for _, cells, _ in rows]
    for name, (_, cells, _) in zip(names, rows, strict=True):
        if addresses.setdefault(name, cells[0]) != cells[0]:
            addresses[name] = ""  # of neither
    for name, (_, cells, row) in zip(names, rows, strict=True):
        if addresses[name] == cells[0]:
            images.add(name, row)
        else:
            images.leave_out(_TWICE, name)
    return common.build_dataset("emotionet", root, images, check=check, units=units)


def _is_list(path: Path) -> bool:
    """Return whether a text file begins with an address and codes, separated by tabs."""
    first = next(read_rows(path, DataError, what="list of images"), (0, []))[1]
    return len(first) >= _ADDRESSES + _UNITS and "/" in first[0]


def _name(root: Path, base: str, address: str) -> str:
    """Return the name of an address's image below the root: the first that exists, or the plainest."""
    path = address.strip("'\" ").rstrip("/")
    plain = path.partition("?")[0].partition("#")[0].rstrip("/")
    last = [plain.rpartition("/")[2], unquote(plain).rpartition("/")[2], path.rpartition("/")[2]]
    nested = "/".join(plain.split("/")[-2:])
    names = [f"{base}/{name}" for name in (*last, nested) if name]
    return next((name for name in names if (root / name).is_file()), names[0] if names else base)

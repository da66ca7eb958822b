"""Groups of a run's people: by sex, skin tone and age, or as a file of people names them."""

import numpy as np
import xarray

SEX, SKIN_TONE, AGE, GROUP = "sex", "skin_tone", "age", "group"
_SEXES = ("female", "male")


def members(data: xarray.Dataset) -> dict[str, dict[str, np.ndarray]]:
    """Return what a run's people are grouped by, and the members (N,) bool of each group.

    A population's name, such as "female, dark", names the groups of its people. Groups that hold nobody or
    everybody are left out.
    """
    parts = [name.split(", ") for name in data.attrs["populations"]]
    of = [parts[index] if index >= 0 else [] for index in data["population"].values]
    other = GROUP if "people" in data.attrs else SKIN_TONE
    groups: dict[str, dict[str, np.ndarray]] = {}
    for part in dict.fromkeys(part for own in parts for part in own):
        mask = np.array([part in own for own in of])
        if mask.any() and not mask.all():
            groups.setdefault(SEX if part in _SEXES else other, {})[part] = mask
    identity_names = data.attrs["head"].get("identity_names", [])
    if "age" in identity_names:
        age = data["identity_parameters"].values[:, identity_names.index("age")]
        halves = {"younger half": age < np.median(age), "older half": age >= np.median(age)}
        if all(mask.any() for mask in halves.values()):
            groups[AGE] = halves
    order = (SEX, SKIN_TONE, AGE, GROUP)
    return {attribute: groups[attribute] for attribute in order if attribute in groups}

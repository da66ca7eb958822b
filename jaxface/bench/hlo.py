"""What a compiled program's text says: kernels, and the cycles that a TPU's compiler expects."""

import re
from collections.abc import Mapping
from typing import NamedTuple

OPERATION = re.compile(r"(?<![#!\w])(?:stablehlo|chlo)\.[a-z_]+")
_COMPUTATION = re.compile(r"^(ENTRY )?%?([\w.\-]+) .*\{\s*$")
_CYCLES = re.compile(r'"estimated_cycles":"(\d+)"')
_KERNEL = re.compile(r" (fusion|custom-call|copy|convolution|dot|gather|scatter|sort|reduce)\(")
_RESULT = re.compile(r"\s+(?:ROOT )?%?([\w.\-]+) = (\(.*?\)|\S+) ")
_NAME = re.compile(r'op_name="([^"]*)"')
_COLLECTIVE = re.compile(r" (all-reduce|all-gather|all-to-all|reduce-scatter|collective-permute)(?:-start)?\(")


class Loop(NamedTuple):
    """A loop: the computation of its body, how often it runs (None = as the data decide), and its name."""

    body: str
    trips: int | None
    name: str


class Module(NamedTuple):
    """The lines of each computation of a compiled program, and the name of the first."""

    computations: Mapping[str, list[str]]
    entry: str


def operations(stablehlo: str) -> int:
    """Return how many StableHLO operations a program has before it is compiled."""
    return sum(1 for line in stablehlo.splitlines() if OPERATION.search(line))


def parse(text: str) -> Module:
    """Read the text of a compiled program."""
    computations: dict[str, list[str]] = {}
    entry = name = ""
    for line in text.splitlines():
        if (head := _COMPUTATION.match(line)) and not line.startswith(" "):
            name = head.group(2)
            computations[name] = []
            entry = name if head.group(1) else entry
        elif name and line.startswith("  "):
            computations[name].append(line)
    return Module(computations, entry)


def kernels(module: Module) -> int:
    """Return how many kernels are written: what runs at the top, in loops and in branches."""
    return sum(len(_KERNEL.findall("\n".join(lines))) for lines, _ in _reached(module, module.entry, 1.0, {}))


def collectives(module: Module) -> list[tuple[str, bool]]:
    """Return each exchange between devices, and whether it is in a loop."""
    exchanges = []
    for lines, times in _reached(module, module.entry, 1.0, {}, loop_factor=2.0):
        exchanges += [(name, times > 1.0) for name in _COLLECTIVE.findall("\n".join(lines))]
    return exchanges


def split_arguments(module: Module) -> list[str]:
    """Return the names of the arguments of which each device has a part."""
    lines = (line for line in module.computations.get(module.entry, []) if " parameter(" in line)
    return [name.group(1) for line in lines if "sharding={devices=" in line and (name := _NAME.search(line))]


def cycles(module: Module, rounds: Mapping[str, float]) -> float:
    """Return the cycles that the compiler expects; 0 where it says none.

    Args:
        rounds: how often a loop runs whose length the data decide, by a part of its name; others count once.
    """
    parts = _reached(module, module.entry, 1.0, rounds)
    return sum(times * sum(map(float, _CYCLES.findall("\n".join(lines)))) for lines, times in parts)


def traffic(module: Module, rounds: Mapping[str, float]) -> float:
    """Return the bytes that kernels read and write if no cache helps, with `rounds` as for `cycles`."""
    total = 0.0
    for lines, times in _reached(module, module.entry, 1.0, rounds):
        sizes = {head.group(1): _bytes(head.group(2)) for line in lines if (head := _RESULT.match(line))}
        for line in lines:
            head = _RESULT.match(line)
            if head and (kernel := _KERNEL.search(line)):
                arguments = re.findall(r"%([\w.\-]+)", line[kernel.end() :].split("), ")[0])
                total += times * (sizes[head.group(1)] + sum(sizes.get(name, 0.0) for name in arguments))
    return total


def _bytes(shape: str) -> float:
    """Bytes of a type such as `f32[8,128]{1,0}`, or of all parts of a tuple."""
    total = 0.0
    for bits, sides in re.findall(r"\b(?:pred|[a-z]+?)(\d*)(?:e\dm\d\w*)?\[([\d,]*)\]", shape):
        count = 1.0
        for side in filter(None, sides.split(",")):
            count *= int(side)
        total += count * max(int(bits or 8) // 8, 1)
    return total


def _reached(
    module: Module, name: str, times: float, rounds: Mapping[str, float], loop_factor: float = 0.0
) -> list[tuple[list[str], float]]:
    """Lines of the computations that run one after another, and how often each does."""
    lines = module.computations.get(name, [])
    result = [(lines, times)]
    for line in lines:
        for loop in _loops(module, line):
            trips = loop.trips
            if loop_factor:
                factor = loop_factor
            elif trips is not None:
                factor = float(trips)
            else:
                factor = next((each for part, each in rounds.items() if part in loop.name), 1.0)
            result += _reached(module, loop.body, times * factor, rounds, loop_factor)
        for branch in _branches(line):
            result += _reached(module, branch, times, rounds, loop_factor)
    return result


def _loops(module: Module, line: str) -> list[Loop]:
    head = re.search(r" while\(.*condition=%?([\w.\-]+), body=%?([\w.\-]+)", line)
    if head is None:
        return []
    name = _NAME.search(line)
    annotation = re.search(r'"known_trip_count":\{"n":"(\d+)"', line)
    condition = "\n".join(module.computations.get(head.group(1), []))
    limits = re.findall(r"= s32\[\][^=]* constant\((\d+)\)", condition)
    is_counted = len(limits) == 1 and "direction=LT" in condition
    count = int(annotation.group(1)) if annotation else int(limits[0]) if is_counted else None
    return [Loop(head.group(2), count, name.group(1) if name else "")]


def _branches(line: str) -> list[str]:
    names = re.findall(r"(?:true_computation|false_computation)=%?([\w.\-]+)", line)
    if list_of_names := re.search(r"branch_computations=\{([^}]*)\}", line):
        names += list_of_names.group(1).replace("%", "").split(", ")
    return names

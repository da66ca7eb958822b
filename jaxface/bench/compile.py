"""Programs of an audit, a search, training and observation, compiled for an accelerator that is not here.

Sizes are those of `configs/paper.toml`. Seconds of CPU, operations, kernels and memory are measured.
`estimate_ms` is no measurement: it is what a TPU's compiler expects, or, where a compiler says nothing, what
the kernels' bytes take at the memory's published peak.
"""

import re
import time
from collections.abc import Iterator
from typing import Any

import jax
import numpy as np
from jax.sharding import Mesh

from jaxface.bench import hlo, programs, targets
from jaxface.bench.programs import Program
from jaxface.bench.settings import CompileSettings
from jaxface.core import target as layouts
from jaxface.core.errors import JaxfaceError


def run(settings: CompileSettings) -> Iterator[dict[str, Any]]:
    """Yield a row for each program."""
    devices = targets.devices(settings.target, settings.topology)
    mesh = Mesh(np.array(devices if settings.topology else devices[:1]), ("batch",))
    with layouts.use_layout(targets.TARGETS[settings.target].layout):
        for program in programs.all_programs(programs.paper_config()):
            if re.search(settings.only, program.name):
                yield row(program, mesh, settings.target)


def row(program: Program, mesh: Mesh, name: str) -> dict[str, Any]:
    """Compile one program and return what is known of it, or why it does not compile."""
    target = targets.TARGETS[name]
    common = {"name": program.name, "target": name, "chips": mesh.size, "images": program.images}
    try:
        start = time.process_time()
        lowering = program.lower(mesh)
        lower_s, start = time.process_time() - start, time.process_time()
        executable = lowering.compile()
        compile_s = time.process_time() - start
    except JaxfaceError:
        raise
    except Exception as error:  # the compiler's own
        return {**common, "failure": str(error).splitlines()[0]}
    module, memory = hlo.parse(executable.as_text()), executable.memory_analysis()
    peak = memory.temp_size_in_bytes + memory.argument_size_in_bytes + memory.output_size_in_bytes
    exchanges, arguments = hlo.collectives(module), jax.tree.leaves(lowering.args_info)
    return {
        **common,
        "operations": hlo.operations(lowering.as_text()),
        "kernels": hlo.kernels(module),
        "lower_cpu_s": lower_s,
        "compile_cpu_s": compile_s,
        "memory_mb": peak / 1e6,
        "temporary_mb": memory.temp_size_in_bytes / 1e6,
        "fits": bool(peak < target.memory) if target.memory else None,
        "arguments": len(arguments),
        "split_arguments": len(hlo.split_arguments(module)),
        "collectives": len(exchanges),
        "collectives_in_loops": sum(in_loop for _, in_loop in exchanges),
        **_estimate(module, program, target),
    }


def _estimate(module: hlo.Module, program: Program, target: targets.Target) -> dict[str, Any]:
    """Milliseconds that a call may take, and where the number is from."""
    cycles = hlo.cycles(module, program.rounds)
    if cycles and target.clock:
        return {"estimate_ms": 1e3 * cycles / target.clock, "estimate_from": "compiler's cycles"}
    if not target.bandwidth:
        return {"estimate_ms": None, "estimate_from": "none"}
    seconds = hlo.traffic(module, program.rounds) / target.bandwidth
    return {"estimate_ms": 1e3 * seconds, "estimate_from": "bytes of the kernels at the memory's peak"}

"""Reads what a compiler made of a loop: instructions of x86-64 by function, innermost loops, packed arithmetic."""

import re
import subprocess
from dataclasses import dataclass
from functools import cache

REGISTER = {"baseline": "xmm", "avx2": "ymm", "avx512": "zmm"}  # of a level's lanes
FUSED = re.compile(r"vfn?m(add|sub)\d+pd")
HEAD = re.compile(r"^([0-9a-f]+) <(.+)>:$")
LINE = re.compile(r"^ +([0-9a-f]+):\t(?:bnd |notrack )?(\S+) *([^#\n]*)")
TARGET = re.compile(r"^([0-9a-f]+) <")
KERNEL = re.compile(r"call +\S+ <(__pyx_f_\w+[^>+]*)>")


@dataclass(frozen=True)
class Instruction:
    at: int
    name: str
    operands: str

    @property
    def target(self):
        """Where a jump goes, otherwise -1."""
        found = TARGET.match(self.operands) if self.name.startswith("j") else None
        return int(found[1], 16) if found else -1

    @property
    def stores_vector(self):
        moves = re.match(r"v?(mov|extract|compress|scatter)", self.name)
        return bool(moves and re.match(r"(\$0x\w+,)?%[xyz]mm.*\)(\{.*\})?$", self.operands))


def parsed(text):
    """Instructions by function, in the order of the text."""
    found, current = {}, []
    for line in text.splitlines():
        if head := HEAD.match(line):
            current = found.setdefault(head[2], [])
        elif part := LINE.match(line):
            current.append(Instruction(int(part[1], 16), part[2], part[3].strip()))
    return found


@cache
def functions(path):
    """Instructions of a module by function, its own section alone."""
    command = ["objdump", "-d", "--no-show-raw-insn", "-j", ".text", str(path)]
    return parsed(subprocess.run(command, capture_output=True, text=True, check=True).stdout)


def kernel(path, *names):
    """Functions of some kernels with the kernels of the module that they call.

    A module without local symbols gives everything it has: then loops are those of the whole module.
    """
    found = functions(path)
    if not any(name.startswith("__pyx_f_") for name in found):
        return [[x for body in found.values() for x in body]]
    wanted = [name for name in found if any(re.search(rf"_{n}(\.|$)", name) for n in names)]
    for name in wanted:  # grows while it is read
        calls = KERNEL.findall("\n".join(f"{x.name} {x.operands}" for x in found[name]))
        wanted += [other for other in dict.fromkeys(calls) if other in found and other not in wanted]
    return [found[name] for name in wanted]


def innermost(body):
    """Bodies of loops that hold no other: from the target of a jump backwards to the jump; none that returns."""
    places = {x.at: i for i, x in enumerate(body)}
    spans = {(places[x.target], i) for i, x in enumerate(body) if places.get(x.target, i + 1) <= i}
    found, nearest = [], len(body)  # the nearest end of a loop that starts later
    for first, last in sorted(spans, key=lambda span: (-span[0], span[1])):
        if last < nearest:
            found.append(body[first : last + 1])
            nearest = last
    return [loop for loop in reversed(found) if not any(x.name.startswith("ret") for x in loop)]


def loops(bodies):
    return [loop for body in bodies for loop in innermost(body)]


def packed(body, register, *names):
    """How many instructions have one of these names, with or without v, and work on a kind of register."""
    name = re.compile(rf"v?({'|'.join(names)})")
    return sum(f"%{register}" in x.operands and name.fullmatch(x.name) is not None for x in body)


def multiply_adds(body, register):
    """Packed products that are added on: fused, or as pairs where the level has no such instruction."""
    if register == "xmm":
        return min(packed(body, register, "mulpd"), packed(body, register, "addpd", "subpd"))
    return sum(FUSED.fullmatch(x.name) is not None and f"%{register}" in x.operands for x in body)


def calls(body):
    """Names that are called."""
    return [x.operands.partition("<")[2].rstrip(">") for x in body if x.name.startswith("call")]


def in_registers(loop):
    """Whether a loop keeps its vectors: it stores none and calls nothing."""
    return not any(x.stores_vector for x in loop) and not calls(loop)


def blocks(body):
    """Runs of instructions without a jump out or in between."""
    targets, found = {x.target for x in body}, [[]]
    for x in body:
        if x.at in targets:
            found.append([])
        found[-1].append(x)
        if x.name.startswith(("j", "ret")):
            found.append([])
    return [block for block in found if block]

"""Hot loops are packed at the width of their level, in the modules that are installed.

A compiler loses vectors in silence: an array of accumulators that goes to memory, a loop that it takes for an alias,
a function it does not inline. Read from the disassembly; where a module holds no local symbols, from all of it.
"""

import os
import platform
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from disassembly import (
    REGISTER, blocks, calls, functions, in_registers, innermost, kernel, loops, multiply_adds, packed, parsed,
)

from crossmargin import _core
from crossmargin._core import status

FOLDER = Path(_core.__path__[0])
SOURCES = Path(__file__).resolve().parents[2] / "_core"  # simd.h is not installed
BUILT = _core.LEVELS[: status.levels_built() + 1]
PORTABLE = os.environ.get("CROSSMARGIN_PORTABLE") == "1"
PLAIN = PORTABLE or any(os.environ.get(f"CROSSMARGIN_{how}") for how in ("SANITIZE", "TRACE"))
LIBM = {"exp", "log", "log1p", "expm1", "erfc", "erf", "sqrt", "pow", "fma"}
CC = shutil.which("cc")

readable = pytest.mark.skipif(
    shutil.which("objdump") is None or sys.platform != "linux" or platform.machine() not in {"x86_64", "AMD64"},
    reason="needs objdump, and modules for x86-64 in ELF",
)
vectors = pytest.mark.skipif(PLAIN, reason="this build is not for speed")
each_level = pytest.mark.parametrize("level", BUILT)
pytestmark = readable


def module(level, name):
    [path] = (FOLDER if level == "baseline" else FOLDER / level).glob(f"{name}.*.so")
    return path


def summing(bodies, register, least=1):
    """Innermost loops that add up products."""
    return [loop for loop in loops(bodies) if multiply_adds(loop, register) >= least]


def widths_in_registers(bodies, register):
    """Accumulators of each loop that adds up products; none of at least four may store or call."""
    found = summing(bodies, register)
    assert [loop[0] for loop in found if multiply_adds(loop, register) >= 4 and not in_registers(loop)] == []
    return [multiply_adds(loop, register) for loop in found]


# ---- sums ----------------------------------------------------------------------------------
@vectors
@each_level
def test_strips_of_scenarios_add_up_in_registers(level):
    """Strips of 12, 6, 4, 2 lanes and 1 each have loops, and none writes its sums to memory within.

    Each width has two that sum, for a worst and for what is written; a third contemplates orders, and writes one
    figure of each.
    """
    register = REGISTER[level]
    found = summing(kernel(module(level, "scenario"), "each_strip"), register)
    orders = [loop for loop in found if packed(loop, register, "minpd")]  # of one lane there is nothing to compare
    sums = [loop for loop in found if loop not in orders]
    assert [loop[0] for loop in sums if multiply_adds(loop, register) >= 4 and not in_registers(loop)] == []
    assert [loop[0] for loop in orders if calls(loop) or packed_stores(loop)] == []
    assert missing(sums, register) == set()
    assert {12, 6, 4, 2} <= {multiply_adds(loop, register) for loop in orders}


def missing(sums, register):
    """Widths of strips that lack one of their two loops."""
    found = [multiply_adds(loop, register) for loop in sums]
    return {width for width in (12, 6, 4, 2, 1) if found.count(width) < 2}


def packed_stores(loop):
    """Stores of whole registers: a figure of one order is none."""
    return [x for x in loop if x.stores_vector and not re.match(r"v?movs[sd]$", x.name)]


@vectors
@each_level
def test_an_order_is_contemplated_in_two_chains(level):
    register = REGISTER[level]
    body = kernel(module(level, "scenario"), "contemplate_kernel")
    found = [loop for loop in summing(body, register, 2) if packed(loop, register, "minpd") >= 2]
    assert found
    assert all(in_registers(loop) for loop in found)


@vectors
@each_level
def test_rounded_sums_are_packed(level):
    register = REGISTER[level]
    body = kernel(module(level, "scenario"), "accumulate_rounded")
    names = ("mulpd", "addpd", "subpd", "maxpd", r"cmp\w*pd")
    found = [loop for loop in loops(body) if all(packed(loop, register, name) for name in names)]
    assert found
    assert all(in_registers(loop) for loop in found)


def checking(body, register):
    """Loops that check holdings in integers."""
    return [loop for loop in loops(body) if packed(loop, register, "paddq") and packed(loop, register, "psubq")
            and packed(loop, register, "p?ord?q?", "pternlog[dq]") and packed(loop, register, "andpd", "pand[dq]?")]


@vectors
@each_level
@pytest.mark.parametrize("name", ["scan_rows", "gains_kernel"])
def test_holdings_are_checked_in_integers(level, name):
    found = checking(kernel(module(level, "scenario"), name), REGISTER[level])
    assert found
    assert all(in_registers(loop) for loop in found)


# ---- prices --------------------------------------------------------------------------------
STEPS = {"value_kernel": 80, "greeks_kernel": 110, "revalue_kernel": 80, "implied_volatility_kernel": 150}


@vectors
@each_level
@pytest.mark.parametrize("name", STEPS)
def test_prices_are_polynomials_in_lanes(level, name):
    """Of the logarithm, the exponential and the Mills ratios, all inlined or in functions of lanes."""
    bodies = kernel(module(level, "black"), name)
    assert sum(multiply_adds(body, REGISTER[level]) for body in bodies) >= STEPS[name]
    assert sum(packed(body, REGISTER[level], "divpd") for body in bodies) >= 2


@vectors
@each_level
@pytest.mark.parametrize("name", STEPS)
def test_lanes_call_no_function_of_one_number(level, name):
    """The scalar point does, in blocks of its own."""
    bodies = kernel(module(level, "black"), name)
    mixed = [block[0] for body in bodies for block in blocks(body)
             if multiply_adds(block, REGISTER[level]) >= 4 and LIBM & {c.partition("@")[0] for c in calls(block)}]
    assert mixed == []


# ---- rows of plans -------------------------------------------------------------------------
@vectors
@each_level
@pytest.mark.parametrize("name", ["plan", "increment"])
@pytest.mark.parametrize("instruction", ["addpd", "subpd", "mulpd", "divpd", "sqrtpd"])
def test_row_operations_are_packed(level, name, instruction):
    every = loops(functions(module(level, name)).values())
    assert any(packed(loop, REGISTER[level], instruction) for loop in every)


# ---- the reading itself --------------------------------------------------------------------
@pytest.mark.skipif(not PORTABLE, reason="of a build without vectors")
def test_a_build_without_vectors_is_seen():
    scenario, black = module("baseline", "scenario"), module("baseline", "black")
    assert {12, 4} <= missing(summing(kernel(scenario, "each_strip"), "xmm"), "xmm")
    assert sum(multiply_adds(body, "xmm") for body in kernel(black, "value_kernel")) < STEPS["value_kernel"] / 2


TEXT = """
0000000000001000 <__pyx_f_one>:
    1000:\tpush   %rbp
    1001:\txor    %eax,%eax
    1008:\tvbroadcastsd (%rsi,%rax,8),%zmm1
    1010:\tvfmadd231pd (%rdi),%zmm1,%zmm0
    1018:\tvfmadd231pd 0x40(%rdi),%zmm1,%zmm2
    1020:\t{spill}
    1028:\tadd    $0x1,%rax
    102c:\tcmp    %rax,%rcx
    1030:\tjne    1008 <__pyx_f_one+0x8>
    1036:\tvmovapd %zmm0,(%rsp)
    103c:\tcall   2000 <__pyx_f_two>
    1040:\tret
0000000000002000 <__pyx_f_two>:
    2000:\tmulsd  (%rdi),%xmm0        # 30 <a>
    2008:\tjne    2000 <__pyx_f_two>
    2010:\tret
"""


@pytest.mark.parametrize(("spill", "kept"), [
    ("vmovapd 0x80(%rsp),%zmm3", True), ("mov    %rdx,0x8(%rsp)", True), ("nopl   0x0(%rax)", True),
    ("vextractf64x4 $0x1,%zmm0,%ymm1", True), ("vextractf64x4 $0x1,%zmm0,0x40(%rsp)", False),
    ("vmovupd %zmm0,0x40(%rdx){%k1}", False), ("vmovapd 0x40(%rdx),%zmm3{%k1}{z}", True),
    ("vmovapd %zmm0,0x40(%rsp)", False), ("vmovupd %zmm0,(%rdx)", False), ("movsd  %xmm0,0x8(%rsp)", False),
    ("call   3000 <memcpy@plt>", False),
])  # fmt: skip
def test_a_loop_that_writes_its_sums_is_seen(spill, kept):
    [loop] = innermost(parsed(TEXT.format(spill=spill))["__pyx_f_one"])
    assert (loop[0].at, loop[-1].at) == (0x1008, 0x1030)
    assert multiply_adds(loop, "zmm") == 2
    assert multiply_adds(loop, "ymm") == multiply_adds(loop, "xmm") == 0
    assert in_registers(loop) == kept


def test_a_scalar_loop_is_not_packed():
    body = parsed(TEXT)["__pyx_f_two"]
    [loop] = innermost(body)
    assert packed(loop, "xmm", "mulsd") == 1
    assert multiply_adds(loop, "xmm") == 0
    assert [len(block) for block in blocks(body)] == [2, 1]


SOURCE = """
#include "simd.h"
double least(const double *rows, int64_t stride, const int64_t *item, const double *quantity, int64_t n, int64_t *row) {
    lanes sums[12];
    lanes_row_zero(sums, WIDTH);
    for (int64_t i = 0; i < n; i++)
        lanes_row_fma(sums, WIDTH, lanes_all(quantity[i]), rows + item[i] * stride, LANES);
    return lanes_row_least(sums, WIDTH, LANES, row);
}
"""


@pytest.fixture
def compiled(tmp_path):
    """Compiles SOURCE beside the installed header: (instructions of ``least``)."""
    def run(*flags, width="12"):
        (tmp_path / "least.c").write_text(SOURCE)
        command = [CC, "-c", "-fno-math-errno", "-fno-trapping-math", "-ffp-contract=off", "-march=x86-64-v3",
                   f"-I{SOURCES}", f"-DWIDTH={width}", *flags, "least.c", "-o", "least.o"]
        subprocess.run(command, cwd=tmp_path, check=True)
        return [functions.__wrapped__(tmp_path / "least.o")["least"]]
    return run


@pytest.mark.skipif(CC is None, reason="needs a compiler")
def test_a_lost_vectorisation_is_seen(compiled):
    """What the build asks for passes; fewer optimisations, a width that is not constant, and one lane do not."""
    assert 12 in widths_in_registers(compiled("-O3"), "ymm")
    for flags, width in ((("-O1",), "12"), (("-O3",), "(int64_t)(n / 8)")):
        with pytest.raises(AssertionError):
            assert 12 in widths_in_registers(compiled(*flags, width=width), "ymm")
    assert summing(compiled("-O3", "-DCROSSMARGIN_PORTABLE"), "ymm", 4) == []

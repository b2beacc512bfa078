"""Bindings: axes, maps and tables are checked before anything runs."""

import numpy as np
import pytest
from margin.plan.lab import ITEMS_OF, LABELS, MAPS, N_ITEMS, ROWS, Lab, book, outputs, same

from crossmargin.errors import InvalidInputError, PlanError
from crossmargin.margin.plan import Binding, Builder


def program():
    lab = Lab()
    by_bucket = lab.position.sum("gain", by="bucket", rows="s")
    lab.m.output(
        "x",
        (by_bucket * lab.m.given("rate", key="bucket")).total("region").worst().total() * lab.m.given("one"),
    )
    lab.m.output("rows", lab.position.sum("gain", rows="s") * lab.m.given("weight", rows="s"))
    return lab.finish()


GOOD = {"gain": np.ones((N_ITEMS, 5)), "rate": np.ones(7), "one": 1.0, "weight": np.ones(5)}


def bind(tables=None, **changes):
    shape = {"labels": LABELS, "rows": ROWS, "maps": MAPS, "items": ITEMS_OF}
    return Binding.of(program(), tables=GOOD | (tables or {}), **shape | changes)


def test_good_tables_are_kept_read_only():
    bound = bind()
    assert {name: array.shape for name, array in bound.tables.items()} == {
        "gain": (N_ITEMS, 5),
        "rate": (7, 1),
        "one": (1, 1),
        "weight": (1, 5),
    }
    assert not any(array.flags.writeable for array in bound.tables.values())


@pytest.mark.parametrize("name", GOOD)
@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf])
def test_figures_that_are_not_finite_are_refused(name, value):
    bad = np.array(GOOD[name], dtype=float)
    bad[(-1,) * bad.ndim] = value
    with pytest.raises(InvalidInputError, match=f"table {name} must be finite, was {value}"):
        bind({name: bad})


def test_the_place_of_a_bad_figure_is_told():
    bad = np.ones((N_ITEMS, 5))
    bad[17, 3] = np.nan
    with pytest.raises(InvalidInputError, match=r"table gain must be finite, was nan at \(17, 3\)"):
        bind({"gain": bad})


@pytest.mark.parametrize(
    ("name", "shape"),
    [
        ("gain", (N_ITEMS, 4)),
        ("gain", (5, N_ITEMS)),
        ("gain", (N_ITEMS,)),
        ("gain", (N_ITEMS, 5, 1)),
        ("rate", (6,)),
        ("rate", (7, 2)),
        ("rate", ()),
        ("one", (2,)),
        ("weight", (4,)),
        ("weight", (5, 1)),
        ("weight", ()),
    ],
)
def test_wrong_shapes_are_refused(name, shape):
    with pytest.raises(InvalidInputError, match=f"table {name} must have shape"):
        bind({name: np.ones(shape)})


@pytest.mark.parametrize("value", ["a", None, [[1], [2, 3]], object()])
def test_what_is_no_number_is_refused(value):
    with pytest.raises(InvalidInputError, match="table one must"):
        bind({"one": value})


@pytest.mark.parametrize("name", GOOD)
def test_a_missing_table_is_named(name):
    with pytest.raises(PlanError, match=f"table '{name}' must be given"):
        Binding.of(
            program(),
            tables={k: v for k, v in GOOD.items() if k != name},
            labels=LABELS,
            rows=ROWS,
            maps=MAPS,
            items=ITEMS_OF,
        )


def test_a_missing_map_is_refused():
    with pytest.raises(PlanError, match="no map leads from 'item' to 'bucket'"):
        bind(maps={})
    with pytest.raises(PlanError, match="no map leads from 'bucket' to 'region'"):
        bind(maps={("item", "bucket"): MAPS["item", "bucket"]})


@pytest.mark.parametrize("bad", [7, -1, 2**40])
def test_a_map_names_a_parent(bad):
    wrong = [*MAPS["item", "bucket"][:-1], bad]
    with pytest.raises(
        InvalidInputError, match=f"map item>bucket must name a parent key, was {bad} at row {N_ITEMS - 1}"
    ):
        bind(maps=MAPS | {("item", "bucket"): wrong})


@pytest.mark.parametrize(
    "bad", [[0] * (N_ITEMS - 1), [0] * (N_ITEMS + 1), [], [[0] * N_ITEMS], [0.5] * N_ITEMS]
)
def test_a_map_has_an_integer_for_each_child(bad):
    with pytest.raises(InvalidInputError, match="map item>bucket must"):
        bind(maps=MAPS | {("item", "bucket"): bad})


def test_a_missing_row_axis_is_refused():
    with pytest.raises(PlanError, match="row axis 's' must be bound"):
        bind(rows={})


@pytest.mark.parametrize("bad", [[0] * 23 + [N_ITEMS], [0] * 23 + [-2], [0.5] * N_ITEMS])
def test_items_are_keys_or_left_out(bad):
    with pytest.raises(InvalidInputError, match="items of position must"):
        bind(items=ITEMS_OF | {"position": bad})


def test_missing_items_are_refused():
    with pytest.raises(PlanError, match="holding 'cost' must be bound to items"):
        bind(items={"position": range(N_ITEMS)})


def test_maps_compose_along_the_tree():
    """No map leads from item to region: the two steps do."""
    lab = Lab()
    lab.m.output("x", abs(lab.position.sum("t", by="region")).total())
    bound = lab.bind()
    direct = [MAPS["bucket", "region"][b] for b in MAPS["item", "bucket"]]
    assert bound.maps["item", "region"].tolist() == direct
    same(bound, book(1))


def test_items_left_out_are_not_held():
    lab = Lab()
    lab.m.output("count", lab.position.sum())
    lab.m.output("kept", abs(lab.position.sum("t", by="bucket")).total())
    half = [i if i % 2 else -1 for i in range(N_ITEMS)]
    bound = lab.bind(items=ITEMS_OF | {"position": half})
    books = book(2)
    found = same(bound, books)
    lots = np.where(books.positions["instrument"] % 2, books.positions["lots"], 0)
    expected = [lots[books.positions.rows(unit)].sum() for unit in range(len(books))]
    assert found["count"][:, 0].tolist() == expected


# ---------------------------------------------------------------- other figures, same program
def test_remarked_equals_bound_anew():
    rng = np.random.default_rng(4)
    fresh = {name: rng.integers(-8, 9, np.shape(table)) / 4 for name, table in GOOD.items()}
    again, anew = bind().remarked(fresh), bind(fresh)
    names = ("x", "rows")
    for name in names:
        one, other = (outputs(bound, names, book(3))[name] for bound in (again, anew))
        assert one.tobytes() == other.tobytes()
        assert one.any()
    assert again.program is not None
    assert again.program.hash == anew.program.hash


def test_a_remark_checks_its_figures():
    with pytest.raises(InvalidInputError, match="table rate must be finite"):
        bind().remarked(GOOD | {"rate": np.full(7, np.nan)})
    with pytest.raises(InvalidInputError, match="table rate must have shape"):
        bind().remarked(GOOD | {"rate": np.ones(8)})
    with pytest.raises(PlanError, match="table 'gain' must be given"):
        bind().remarked({name: table for name, table in GOOD.items() if name != "gain"})


def test_a_remark_leaves_the_old_one_alone():
    bound = bind()
    before = outputs(bound, ("x",), book(3))["x"].tobytes()
    bound.remarked(GOOD | {"rate": np.full(7, 5.0)})
    assert outputs(bound, ("x",), book(3))["x"].tobytes() == before


def test_a_caller_may_change_its_arrays_afterwards():
    mine = np.ones((N_ITEMS, 5))
    bound = bind({"gain": mine})
    before = outputs(bound, ("x",), book(3))["x"].tobytes()
    mine[:] = 9.0
    assert outputs(bound, ("x",), book(3))["x"].tobytes() == before


@pytest.mark.parametrize("k", [0.0, 6.0])
def test_a_rank_lies_among_the_rows(k):
    lab = Lab()
    lab.fixed["k"] = lambda t: np.full_like(t, k)
    lab.m.output("x", lab.position.sum("gain", rows="s").kth("k"))
    with pytest.raises(InvalidInputError, match="k"):
        lab.bind()


def test_a_tail_has_rows():
    lab = Lab()
    lab.fixed["k"] = np.zeros_like
    lab.m.output("x", lab.position.sum("gain", rows="s").tail_mean("k"))
    with pytest.raises(InvalidInputError, match="k"):
        lab.bind()


def test_correlations_lie_in_their_range():
    m = Builder()
    held = m.holding("p", source="position", axis="item")
    m.equity("e", held.sum())
    m.charge("c", held.sum(by="each").norm("rho"))
    bind = {"labels": {"item": ("x", "y")}, "rows": {}, "maps": {}, "items": {"p": [0, 1]}}
    with pytest.raises(InvalidInputError, match=r"table rho must lie in \[-1, 1\], was 1.5 at \(0, 1\)"):
        Binding.of(m.build(), tables={"rho": [[1, 1.5], [1.5, 1]]}, **bind)

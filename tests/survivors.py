"""Mutants that no test can or need kill, each with its reason: (module, function, change) as the run prints it."""

SURVIVORS: dict[tuple[str, str, str], str] = {
    ('kraken', '', '(1.0,) -> (1.26,)'): "the leverage of brackets that keep nothing is never read",
}

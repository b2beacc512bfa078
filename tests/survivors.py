"""Mutants that no test can or need kill, each with its reason: (module, function, change) as the run prints it."""

SURVIVORS: dict[tuple[str, str, str], str] = {
}

class Memory:
    """What an engine holds, and the thread that may change it; the faces are those of ``gate.Gate``."""

    def adopt(self) -> None:
        """The calling thread writes from now on; another one is answered BUSY."""

    @property
    def time(self) -> int:
        """Time of the last event, ns."""

    @property
    def n_bytes_reserved(self) -> int:
        """Memory of the engine, with what it has outgrown."""

    def room(self) -> tuple[int, int]:
        """How many accounts and orders there is room for: (accounts, orders)."""

    def counts(self) -> tuple[int, int, int]:
        """Surpluses asked for, those that ran the plan anew, and states rebuilt: (checks, recomputed, rebuilt)."""

    def positions(self) -> list[tuple[int, int, int, int, int]]:
        """Rows (account, instrument, lots, open cost, funding index)."""

    def balances(self) -> list[tuple[int, int, int]]:
        """Rows (account, asset, atoms) that are not 0."""

    def orders(self) -> list[tuple[int, int, int, int, int, int, int, int]]:
        """Rows (account, id, instrument, lots open, lots that may fill, ticks, flags, id of the order bound to it)."""

    def totals(self) -> list[list[int]]:
        """Atoms by total (EXTERNAL, FEES, ROUNDING, CLEARING, INTEREST) and asset."""

    def contracts(self) -> list[tuple[int, int, int, int]]:
        """Of each instrument: (funding index, what it takes, lowest, highest ticks)."""

    def modes(self) -> list[tuple[int, int]]:
        """Of each account: (what it takes, row of its currency)."""

    def snapshot(self) -> bytes:
        """Everything but the tables, as bytes that ``restore`` of an engine of no more room takes."""

    def restore(self, data: bytes) -> int:
        """Take a snapshot, with the room that it had; every state is rebuilt anew at its next touch."""

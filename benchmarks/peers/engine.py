"""open-source-risk-engine: its SIMM calculator, ISDA 2.6, on its own records."""

from peers.optional import optional

ALL_CLASSES, ALL_MARGINS, COLLECT = 6, 5, 0  # of its enumerations of risk classes, margin types and sides


class Engine:
    """Calculator of one netting set."""

    def __init__(self, ore):
        self.ore = ore
        self.mapper = ore.SimmBucketMapperBase()  # kept: the configuration does not own it
        self.configuration = ore.SimmConfiguration_ISDA_V2_6(self.mapper)
        self.held = ore.NettingSetDetails("book")

    @classmethod
    def installed(cls) -> "Engine | None":
        """The engine, or None where it is not installed."""
        found = optional("ORE")
        return None if found is None else cls(found)

    def records(self, rows):
        """Sensitivities to rates and currencies as its records."""
        record, found = self.ore.CrifRecord, self.ore.Crif()
        for number, row in enumerate(rows):
            kind = record.RiskType_IRCurve if row.risk_type == "Risk_IRCurve" else record.RiskType_FX
            found.addRecord(record(f"T{number}", "trade", self.held, record.ProductClass_RatesFX, kind, row.qualifier,
                                   row.bucket, row.label1, row.label2, "USD", row.amount, row.amount,
                                   record.IMModel_SIMM))  # fmt: skip
        return found

    def margin(self, records):
        """The calculator, its margins computed."""
        return self.ore.SimmCalculator(records, self.configuration)

    def total(self, calculator) -> float:
        """Margin of everything."""
        found = calculator.finalSimmResults(COLLECT, self.held).second
        return found.get(self.ore.CrifRecord.ProductClass_All, ALL_CLASSES, ALL_MARGINS, "All")

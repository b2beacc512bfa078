"""Published figures of Hyperliquid: documentation, and liquidation prices that the exchange returned."""

TERMS = ('coin', 'max_leverage', 'entry', 'side', 'size', 'margin', 'leverage')
SOURCES = [
    'freqtrade/freqtrade tests/exchange/test_hyperliquid.py; constructed by the test author from the formula',
    'freqtrade/freqtrade tests/exchange/test_hyperliquid.py; liquidationPrice as returned by the exchange through ccxt',
]
PRICES = [
    ('hl-liq-01-eth-long-1x', 1, 'ETH', 50, 2458.5, 'long', 0.015, 36.864593, 1, 0.86915825),
    ('hl-liq-02-btc-long-1x', 1, 'BTC', 50, 63287.0, 'long', 0.00039, 24.673292, 1, 22.37166537),
    ('hl-liq-04-sol-long-2x', 1, 'SOL', 20, 145.83, 'long', 0.33, 24.045107, 2, 74.83696193),
    ('hl-liq-05-eth-long-2x', 1, 'ETH', 50, 2459.5, 'long', 0.0199, 24.454895, 2, 1243.0411908),
    ('hl-liq-06-btc-long-2x', 1, 'BTC', 50, 62739.0, 'long', 0.00077, 24.137992, 2, 31708.03843631),
    ('hl-liq-08-eth-short-2x', 1, 'ETH', 50, 2642.8, 'short', 0.019, 25.091876, 2, 3924.18322043),
    ('hl-liq-09-sol-short-2x', 1, 'SOL', 20, 155.89, 'short', 0.32, 24.924941, 2, 228.07847866),
    ('hl-liq-10-doge-short-2x', 1, 'DOGE', 20, 0.14333, 'short', 351.0, 25.136807, 2, 0.20970228),
    ('hl-liq-12-btc-short-3x', 1, 'BTC', 50, 65536.0, 'short', 0.00099, 21.604172, 3, 86493.46174617),
    ('hl-liq-13-sol-long-5x', 1, 'SOL', 20, 173.06, 'long', 0.6, 20.735658, 5, 142.05186667),
    ('hl-liq-15-btc-short-1x', 1, 'BTC', 50, 67400.0, 'short', 0.00031, 20.887308, 1, 133443.97317151),
    ('hl-liq-16-eth-short-4x', 1, 'ETH', 50, 2552.0, 'short', 0.0327, 20.833393, 4, 3157.53150453),
    ('hl-liq-17-btc-long-5x', 1, 'BTC', 50, 66930.0, 'long', 0.0015, 20.043862, 5, 54108.51043771),
    ('hl-liq-19-eth-long-3x', 1, 'ETH', 50, 2521.9, 'long', 0.0237, 19.902091, 3, 1699.14071943),
    ('hl-liq-20-btc-short-5x', 1, 'BTC', 50, 68139.0, 'short', 0.00145, 19.72573, 5, 80933.61590987),
    ('hl-liq-21-sol-short-1x', 1, 'SOL', 20, 178.29, 'short', 0.11, 19.605036, 1, 347.82205322),
    ('hl-liq-22-sol-long-3x', 1, 'SOL', 20, 176.23, 'long', 0.33, 19.364946, 3, 120.56240404),
    ('hl-liq-24-btc-short-4x', 1, 'BTC', 50, 68240.0, 'short', 0.00105, 17.887922, 4, 84431.79820839),
    ('hl-liq-25-eth-short-1x', 1, 'ETH', 50, 2518.4, 'short', 0.007, 17.62263, 1, 4986.05799151),
    ('hl-liq-26-eth-long-5x', 1, 'ETH', 50, 2533.2, 'long', 0.0347, 17.555195, 5, 2047.7642302),
    ('hl-liq-27-doge-long-3x', 1, 'DOGE', 20, 0.13284, 'long', 360.0, 15.943218, 3, 0.09082388),
    ('hl-liq-28-sol-short-5x', 1, 'SOL', 20, 163.11, 'short', 0.48, 15.650731, 5, 190.94213618),
    ('hl-liq-29-btc-long-3x', 1, 'BTC', 50, 67141.0, 'long', 0.00067, 14.979079, 3, 45236.52992613),
    ('hl-liq-30-xyz-aapl-long-5x', 0, 'XYZ-AAPL', 10, 250.0, 'long', 0.5, 25.0, 5, 210.5263157894737),
    ('hl-liq-31-xyz-googl-short-10x', 0, 'XYZ-GOOGL', 10, 190.0, 'short', 0.5, 9.5, 10, 199.04761904761904),
    ('hl-liq-32-xyz-tsla-long-7x', 0, 'XYZ-TSLA', 10, 350.0, 'long', 1.0, 50.0, 7, 315.7894736842105),
]  # fmt: skip

OTHERS = [{'id': 'hl-clearinghouse-isolated-eth',
  'source': 'https://hyperliquid.gitbook.io/hyperliquid-docs/for-developers/api/info-endpoint/perpetuals (mirror '
            'commit 24c1248)',
  'inputs': {'coin': 'ETH',
             'szi': 0.0335,
             'entryPx': 2986.3,
             'raw_usd': -95.059824,
             'position_value': 100.02765,
             'max_leverage': 50,
             'leverage': 20,
             'mode': 'isolated',
             'cross_account_value': 13104.514502},
  'expected': {'liquidationPx': 2866.26936529,
               'marginUsed': 4.967826,
               'unrealizedPnl': -0.0134,
               'accountValue': 13109.482328,
               'withdrawable': 13104.514502}},
 {'id': 'hl-pm-borrowable',
  'source': 'https://hyperliquid.gitbook.io/hyperliquid-docs/support/faq/portfolio-margin (dzmbs/hyperliquid-docs '
            'mirror, commit 24c1248, 22 Aug 2026)',
  'inputs': {'balance': 10000, 'price': 40, 'ltv': 0.5},
  'expected': {'borrowable_usdc': 200000}},
 {'id': 'hl-pm-health-factor',
  'source': 'https://hyperliquid.gitbook.io/hyperliquid-docs/support/faq/portfolio-margin (dzmbs/hyperliquid-docs '
            'mirror, commit 24c1248, 22 Aug 2026)',
  'inputs': {'collateral': [{'coin': 'BTC', 'size': 1, 'price': 80000, 'ltv': 0.5},
                            {'coin': 'HYPE', 'size': 200, 'price': 50, 'ltv': 0.5}],
             'borrowed': 42000},
  'expected': {'weighted_value': 45000, 'health_factor_pct': 107.14}},
 {'id': 'hl-pm-net-balance',
  'source': 'https://hyperliquid.gitbook.io/hyperliquid-docs/support/faq/portfolio-margin (dzmbs/hyperliquid-docs '
            'mirror, commit 24c1248, 22 Aug 2026)',
  'inputs': {'equity': 100, 'borrowed': 150},
  'expected': {'net_balance': -50}},
 {'id': 'hl-pm-partial-liquidation',
  'source': 'https://hyperliquid.gitbook.io/hyperliquid-docs/support/faq/portfolio-margin (dzmbs/hyperliquid-docs '
            'mirror, commit 24c1248, 22 Aug 2026)',
  'inputs': {'hype': 10, 'price': 33, 'ltv': 0.5, 'borrowed': 250},
  'expected': {'collateral_value': 330, 'threshold': 247.5, 'partial_liquidation': True}},
 {'id': 'hl-pm-full-liquidation',
  'source': 'https://hyperliquid.gitbook.io/hyperliquid-docs/support/faq/portfolio-margin (dzmbs/hyperliquid-docs '
            'mirror, commit 24c1248, 22 Aug 2026)',
  'inputs': {'hype': 10, 'price': 30, 'ltv': 0.5, 'borrowed': 250},
  'expected': {'collateral_value': 300, 'threshold': 249.9, 'full_liquidation': True},
  'ambiguous': 'the page rounds the threshold to 83.3 % (249.9); exactly it is 250, on the threshold, where the '
               'strict comparison is false'},
 {'id': 'hl-collateral-thresholds-fixture-3p',
  'source': 'Third-party test-suite, not Hyperliquid',
  'inputs': {'collateral_value': 12000, 'ltv': 0.5},
  'expected': {'partial': 9000, 'full': 10000}},
 {'id': 'hl-meta-tier-51',
  'source': 'https://hyperliquid.gitbook.io/hyperliquid-docs/for-developers/api/info-endpoint/perpetuals',
  'inputs': {'table_id': 51, 'tiers': [[0, 10], [3000000, 5]]},
  'expected': {'maintenance_rates': [0.05, 0.1], 'maintenance_deductions': [0, 150000]}}]  # fmt: skip


def position(name, source, *figures):
    """A row of a liquidation price."""
    inputs = dict(zip(TERMS, figures, strict=False))
    return {"id": name, "source": SOURCES[source], "inputs": inputs, "expected": {"liquidation_price": figures[-1]}}


ROWS = [*OTHERS, *(position(*row) for row in PRICES)]

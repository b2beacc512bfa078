"""Published figures of Paradex: worked examples of its documentation; each row names its source."""

ROWS = [{'id': 'paradex-cross-imr-open-size',
  'source': 'tradeparadex/paradex-docs fern/pages/risk-system/cross-margin-requirement.mdx (commit '
            '9b82a75, 20 Aug 2026)',
  'inputs': {'position': -1, 'buy_orders': 3, 'sell_orders': 2, 'imf': 0.02, 'mark': 90000},
  'expected': {'buy_open_size': 2, 'sell_open_size': 3, 'net_imr': 5400}},
 {'id': 'paradex-pm-min-delta',
  'source': 'tradeparadex/paradex-docs fern/pages/risk-system/portfolio-margin.mdx (commit 9b82a75, 20 Aug '
            '2026)',
  'inputs': {'perp': 1,
             'short_calls': 5,
             'call_delta': 0.3,
             'spot': 70000,
             'unhedged': 0.02,
             'hedged': 0.01},
  'expected': {'net_delta': -0.5, 'gross_delta': 2.5, 'hedged_delta': 1.0, 'min_delta_risk': 1400}},
 {'id': 'paradex-order-risk-check',
  'source': 'tradeparadex/paradex-docs fern/pages/risk-system/paradex-risk-checks.mdx (commit 9b82a75, 20 '
            'Aug 2026)',
  'inputs': {'collateral': 100, 'imf': 0.1, 'entry': 100, 'size': 10, 'mark': 98},
  'expected': {'imr_at_100': 100,
               'imr_at_98': 98,
               'upnl': -20,
               'account_value': 80,
               'sell_5': 'accepted',
               'then_sell_8': 'rejected',
               'open_size_after': 13}},
 {'id': 'paradex-position-limit',
  'source': 'tradeparadex/paradex-docs fern/pages/risk-system/position-limit.mdx (commit 9b82a75, 20 Aug '
            '2026)',
  'inputs': {'limit': 1000, 'position': -900},
  'expected': {'max_sell': 100, 'max_buy': 1900}}]  # fmt: skip

DOCUMENTED = [{'name': 'paradex_cross_imr_open_orders',
  'source': 'tradeparadex/paradex-docs@9b82a75a0353dc3769504508207844d1e5a89d3e '
            'fern/pages/risk-system/cross-margin-requirement.mdx',
  'params': {'imf': 0.02},
  'portfolio': {'perp': -1, 'open_buys': 3, 'open_sells': 2},
  'market': {'mark': 90000},
  'expected': {'buy_open_size': 2, 'sell_open_size': 3, 'net_IMR': 5400},
  'tolerance': {'abs': 0}},
 {'name': 'paradex_pm_min_delta',
  'source': 'tradeparadex/paradex-docs@9b82a75a0353dc3769504508207844d1e5a89d3e '
            'fern/pages/risk-system/portfolio-margin.mdx',
  'params': {'unhedged_factor': 0.02, 'hedged_factor': 0.01},
  'portfolio': {'perp': 1, 'options': [{'type': 'call', 'amount': -5, 'delta': 0.3}]},
  'market': {'spot': 70000},
  'expected': {'net_delta': -0.5, 'gross_delta': 2.5, 'hedged_delta': 1.0, 'min_delta_risk': 1400},
  'tolerance': {'abs': 0}}]  # fmt: skip

"""Published figures of venues that copied a superseded model: Aevo and Dederi; each row names its source."""

AEVO = [{'id': 'aevo-scenario-spot',
  'source': 'https://docs.aevo.xyz/aevo-exchange/options-specifications/portfolio-margin',
  'inputs': {'spot': 1400, 'max_move': 0.2},
  'expected': {'up': 1680, 'down': 1120}}]  # fmt: skip

DEDERI = [{'id': 'dederi-future-contingency',
  'source': 'https://wiki.dederi.io/RiskControlRules/portfolio_margin',
  'inputs': {'index': 2243.3, 'contracts': 10, 'factor': 0.006},
  'expected': {'contingency': 134.6}},
 {'id': 'dederi-forward',
  'source': 'https://wiki.dederi.io/RiskControlRules/portfolio_margin',
  'inputs': {'index': 2243.3, 'abr': 0.08, 'days': 20},
  'expected': {'forward': 2253.2}},
 {'id': 'dederi-future-grid',
  'source': 'https://wiki.dederi.io/RiskControlRules/portfolio_margin',
  'inputs': {'forward': 2253.2,
             'contracts': 10,
             'shocks': [-0.15, -0.12, -0.09, -0.06, -0.03, 0, 0.03, 0.06, 0.09, 0.12, 0.15]},
  'expected': {'pnl': [-3380, -2704, -2028, -1352, -676, 0, 676, 1352, 2028, 2704, 3380]}}]  # fmt: skip

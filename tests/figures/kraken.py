"""Published figures of Kraken Futures: the help centre; each row names its source."""

ROWS = [{'id': 'kraken-haircut-btc',
  'source': 'https://support.kraken.com/hc/en-us/articles/4843323030164-Futures-Collateral-Currencies',
  'inputs': {'btc': 0.5, 'index': 35000, 'haircut': 0.04},
  'expected': {'balance_value': 17500, 'collateral_value': 16800}},
 {'id': 'kraken-inverse-bankruptcy-price',
  'source': 'https://support.kraken.com/hc/en-us/articles/360022835671-Equity-Protection-Process',
  'inputs': {'contracts': 1000, 'entry': 8000, 'margin_btc': 0.01, 'im_rate': 0.02, 'mm_rate': 0.01},
  'expected': {'position_value_btc': 0.125, 'im_btc': 0.0025, 'mm_btc': 0.00125, 'ioc_limit': 7407}},
 {'id': 'kraken-inverse-liquidation-price',
  'source': 'https://support.kraken.com/hc/en-us/articles/360022835671-Equity-Protection-Process',
  'inputs': {'contracts': 1000, 'entry': 8000, 'margin_btc': 0.01, 'mm_btc': 0.00125, 'mm_rate': 0.01},
  'expected': {'liquidation_price': 7481}}]  # fmt: skip

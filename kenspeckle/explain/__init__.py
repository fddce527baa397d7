"""Look inside a network: functions that return records of arrays; `report` draws them."""

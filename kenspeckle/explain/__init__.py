"""Look inside a network: functions that return records of arrays, which draw themselves."""

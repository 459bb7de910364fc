"""Estimators, as functions of arrays in float64: each states what it estimates and where its formula is from."""

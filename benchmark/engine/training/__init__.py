"""The method contract, and the steps that train by it."""

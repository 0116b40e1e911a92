"""What a team of two writes: every machine has its own copy of it.

legs.py    the dataclass
steps.py   the steps and pipelines
"""

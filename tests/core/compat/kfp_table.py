"""The table: situation -> our links -> what KFP writes, one line per link of a run.

A scenario is the task tree of one run and its links. The tree names each task
(`use#0` is iteration 0), its type unless it is a step, `xN` for the iterations
of a loop, its state unless it succeeded, and after `->` the task type that KFP
writes when it is another one. A line of links:

    row | task | key | value | our type, producer | KFP's type, producer, value

`row` is the number of the situation; `.` is a link that the scenario needs but
no row is about. `v1` is an artifact version, `=3` a parameter value. `=` in the
last column: as ours; `-`: KFP has no such link; a value behind KFP's producer
is how KFP keeps it (a fan-in of parameters is one list). `!` after the row: what
KFP writes does not tell our form any more. Lines of one key are in list order.
"""

from kfp_table_groups import GROUPS
from kfp_table_values import VALUES

SCENARIOS = GROUPS | VALUES

"""Rows 1-50, 72, 75 and 76 of `kfp_table`: pipelines, loops, branches, exit tasks, the cache."""

GROUPS = {
    "steps one after the other": """
        ROOT ROOT
          make
          use
          sink
        1  | make | o      | v1 | OUTPUT make            | =
        2  | use  | i      | v1 | TASK_OUTPUT_INPUT make | =
        .  | use  | o      | v2 | OUTPUT use             | =
        3  | ROOT | Output | v2 | OUTPUT use             | =
        47 | sink |        |    | no link                | -
    """,
    "existing data brought in": """
        ROOT ROOT
          importer IMPORTER
          use
        4 | importer | artifact | v1 | OUTPUT importer            | =
        5 | use      | i        | v1 | TASK_OUTPUT_INPUT importer | =
    """,
    "a pipeline in a pipeline in a pipeline": """
        ROOT ROOT
          make
          mid DAG
            inner DAG
              use
          sink
        .  | make  | o      | v1 | OUTPUT make             | =
        6  | mid   | d      | v1 | TASK_OUTPUT_INPUT make  | =
        7  | inner | d      | v1 | COMPONENT_INPUT make    | =
        7  | use   | i      | v1 | COMPONENT_INPUT make    | =
        .  | use   | o      | v2 | OUTPUT use              | =
        8  | inner | Output | v2 | OUTPUT use              | =
        9  | mid   | Output | v2 | OUTPUT inner            | =
        10 | sink  | i      | v2 | TASK_OUTPUT_INPUT inner | =
    """,
    "a loop with an outer artifact, a chain inside and a fan-in": """
        ROOT ROOT
          make
          for-loop-1 LOOP x2
            use#0
            sink#0
            use#1
            sink#1
          uselist
        .   | make       | o                      | v1 | OUTPUT make              | =
        11  | for-loop-1 | pipelinechannel--make-o | v1 | TASK_OUTPUT_INPUT make   | =
        12  | use#0      | i                      | v1 | COMPONENT_INPUT make     | COMPONENT_INPUT make#0
        12  | use#1      | i                      | v1 | COMPONENT_INPUT make     | COMPONENT_INPUT make#1
        13  | use#0      | o                      | v2 | ITERATOR_OUTPUT use#0    | =
        13  | use#1      | o                      | v3 | ITERATOR_OUTPUT use#1    | =
        14  | sink#0     | i                      | v2 | TASK_OUTPUT_INPUT use#0  | COLLECTED_INPUTS use#0
        14  | sink#1     | i                      | v3 | TASK_OUTPUT_INPUT use#1  | COLLECTED_INPUTS use#1
        15  | for-loop-1 | pipelinechannel--use-o | v2 | ITERATOR_OUTPUT use#0    | =
        15  | for-loop-1 | pipelinechannel--use-o | v3 | ITERATOR_OUTPUT use#1    | =
        16  | uselist    | i                      | v2 | COLLECTED_INPUTS for-loop-1 | =
        16  | uselist    | i                      | v3 | COLLECTED_INPUTS for-loop-1 | =
    """,
    "a loop in a nested pipeline, over what the pipeline was given": """
        ROOT ROOT
          make
          mid DAG
            for-loop-1 LOOP x1
              use#0
        .  | make       | o                  | v1 | OUTPUT make            | =
        .  | mid        | d                  | v1 | TASK_OUTPUT_INPUT make | =
        11 | for-loop-1 | pipelinechannel--d | v1 | COMPONENT_INPUT make   | =
        12 | use#0      | i                  | v1 | COMPONENT_INPUT make   | COMPONENT_INPUT make#0
    """,
    "a nested pipeline that returns a fan-out": """
        ROOT ROOT
          inner5 DAG
            for-loop-2 LOOP x2
              use#0
              use#1
          uselist
          wrap DAG
            uselist-2
        .  | use#0      | o                      | v1 | ITERATOR_OUTPUT use#0        | =
        .  | use#1      | o                      | v2 | ITERATOR_OUTPUT use#1        | =
        .  | for-loop-2 | pipelinechannel--use-o | v1 | ITERATOR_OUTPUT use#0        | =
        .  | for-loop-2 | pipelinechannel--use-o | v2 | ITERATOR_OUTPUT use#1        | =
        17 | inner5     | Output                 | v1 | ITERATOR_OUTPUT for-loop-2#0 | =
        17 | inner5     | Output                 | v2 | ITERATOR_OUTPUT for-loop-2#1 | =
        18 | uselist    | i                      | v1 | COLLECTED_INPUTS inner5      | =
        18 | uselist    | i                      | v2 | COLLECTED_INPUTS inner5      | =
        19 | wrap       | l                      | v1 | COLLECTED_INPUTS inner5      | =
        19 | wrap       | l                      | v2 | COLLECTED_INPUTS inner5      | =
        19 | uselist-2  | i                      | v1 | COMPONENT_INPUT inner5       | =
        19 | uselist-2  | i                      | v2 | COMPONENT_INPUT inner5       | =
    """,
    "a pipeline that returns a fan-out": """
        ROOT ROOT
          for-loop-2 LOOP x2
            use#0
            use#1
        .  | use#0      | o                      | v1 | ITERATOR_OUTPUT use#0        | =
        .  | use#1      | o                      | v2 | ITERATOR_OUTPUT use#1        | =
        .  | for-loop-2 | pipelinechannel--use-o | v1 | ITERATOR_OUTPUT use#0        | =
        .  | for-loop-2 | pipelinechannel--use-o | v2 | ITERATOR_OUTPUT use#1        | =
        20 | ROOT       | Output                 | v1 | ITERATOR_OUTPUT for-loop-2#0 | =
        20 | ROOT       | Output                 | v2 | ITERATOR_OUTPUT for-loop-2#1 | =
    """,
    "a pipeline that returns a fan-out of one version, served from cache": """
        ROOT ROOT
          for-loop-2 LOOP x2
            use#0
            use#1 CACHED
        .  | use#0      | o                      | v1 | ITERATOR_OUTPUT use#0        | =
        .  | use#1      | o                      | v1 | ITERATOR_OUTPUT use#1        | =
        76 | for-loop-2 | pipelinechannel--use-o | v1 | ITERATOR_OUTPUT use#0        | =
        76 | for-loop-2 | pipelinechannel--use-o | v1 | ITERATOR_OUTPUT use#1        | =
        20 | ROOT       | Output                 | v1 | ITERATOR_OUTPUT for-loop-2#0 | =
        20 | ROOT       | Output                 | v1 | ITERATOR_OUTPUT for-loop-2#1 | =
    """,
    "a loop over nothing, then a fan-in": """
        ROOT ROOT
          for-loop-1 LOOP x0 SKIPPED
          uselist
        21 | for-loop-1 | | | no link | -
        21 | uselist    | | | no link | -
    """,
    "a loop over one item, then a fan-in": """
        ROOT ROOT
          for-loop-1 LOOP x1
            use#0
          uselist
        .  | use#0      | o                      | v1 | ITERATOR_OUTPUT use#0       | =
        .  | for-loop-1 | pipelinechannel--use-o | v1 | ITERATOR_OUTPUT use#0       | =
        22 | uselist    | i                      | v1 | COLLECTED_INPUTS for-loop-1 | =
    """,
    "a condition with two branches, its result returned by a nested pipeline": """
        ROOT ROOT
          inner7 DAG
            make
            flag
            condition-branches-1 DAG
              condition-2 CONDITION_BRANCH SKIPPED
              condition-3 CONDITION_BRANCH
                use-2
            sink
        .  | make                 | o      | v1 | OUTPUT make | =
        .  | flag                 | Output | v2 | OUTPUT flag | =
        23 | condition-branches-1 | pipelinechannel--make-o      | v1 | TASK_OUTPUT_INPUT make | =
        23 | condition-branches-1 | pipelinechannel--flag-Output | v2 | TASK_OUTPUT_INPUT flag | =
        24 | condition-2          | pipelinechannel--make-o      | v1 | COMPONENT_INPUT make   | =
        31 | condition-2          | pipelinechannel--flag-Output | v2 | COMPONENT_INPUT flag   | =
        24 | condition-3          | pipelinechannel--make-o      | v1 | COMPONENT_INPUT make   | =
        24 | condition-3          | pipelinechannel--flag-Output | v2 | COMPONENT_INPUT flag   | =
        .  | use-2                | i      | v1 | COMPONENT_INPUT make | =
        26 | use-2                | o      | v3 | OUTPUT use-2         | =
        27 | condition-3          | pipelinechannel--use-2-o | v3 | ONE_OF_OUTPUT use-2 | =
        28 | condition-branches-1 | pipelinechannel--condition-branches-1-oneof-1 | v3 | ONE_OF_OUTPUT condition-3 | =
        29 | sink                 | i      | v3 | TASK_OUTPUT_INPUT condition-3 | =
        30 | inner7               | Output | v3 | ONE_OF_OUTPUT condition-branches-1 | =
        30 | ROOT                 | Output | v3 | ONE_OF_OUTPUT inner7 | =
    """,
    "a single condition without else": """
        ROOT ROOT
          make
          condition-1 CONDITION_BRANCH
            use
        .  | make        | o                       | v1 | OUTPUT make            | =
        25 | condition-1 | pipelinechannel--make-o | v1 | TASK_OUTPUT_INPUT make | =
        .  | use         | i                       | v1 | COMPONENT_INPUT make   | =
        26 | use         | o                       | v2 | OUTPUT use             | =
    """,
    "a nested pipeline inside a loop": """
        ROOT ROOT
          for-loop-2 LOOP x2
            inner#0 DAG
              use#0
            sink#0
            inner#1 DAG
              use#1
            sink#1
          uselist
        32 | use#0      | o      | v1 | ITERATOR_OUTPUT use#0   | =
        32 | use#1      | o      | v2 | ITERATOR_OUTPUT use#1   | =
        33 | inner#0    | Output | v1 | OUTPUT use#0            | OUTPUT use
        33 | inner#1    | Output | v2 | OUTPUT use#1            | OUTPUT use
        34 | for-loop-2 | pipelinechannel--inner-Output | v1 | ITERATOR_OUTPUT inner#0 | ITERATOR_OUTPUT inner
        34 | for-loop-2 | pipelinechannel--inner-Output | v2 | ITERATOR_OUTPUT inner#1 | ITERATOR_OUTPUT inner
        35 | sink#0     | i      | v1 | TASK_OUTPUT_INPUT use#0 | =
        35 | sink#1     | i      | v2 | TASK_OUTPUT_INPUT use#1 | =
        .  | uselist    | i      | v1 | COLLECTED_INPUTS for-loop-2 | =
        .  | uselist    | i      | v2 | COLLECTED_INPUTS for-loop-2 | =
    """,
    "one of two branches inside a loop": """
        ROOT ROOT
          for-loop-1 LOOP x1
            condition-branches-2#0 DAG
              condition-3#0 CONDITION_BRANCH
                use#0
              condition-4#0 CONDITION_BRANCH SKIPPED
            sink#0
        .  | use#0                  | o | v1 | ITERATOR_OUTPUT use#0 | =
        36 | condition-3#0          | pipelinechannel--use-o | v1 | ONE_OF_OUTPUT use#0 | ONE_OF_OUTPUT use
        36 | condition-branches-2#0 | pipelinechannel--condition-branches-2-oneof-1 | v1 | ONE_OF_OUTPUT condition-3#0 | ONE_OF_OUTPUT condition-3
        37 | sink#0                 | i | v1 | TASK_OUTPUT_INPUT condition-3#0 | =
    """,
    "a fan-in over a step that is under a condition inside a loop": """
        ROOT ROOT
          for-loop-2 LOOP x3
            condition-3#0 CONDITION_BRANCH
              use#0
            condition-3#1 CONDITION_BRANCH SKIPPED
            condition-3#2 CONDITION_BRANCH
              use#2
          uselist
        .  | use#0         | o                      | v1 | ITERATOR_OUTPUT use#0         | =
        .  | use#2         | o                      | v2 | ITERATOR_OUTPUT use#2         | =
        38 | condition-3#0 | pipelinechannel--use-o | v1 | ONE_OF_OUTPUT use#0           | OUTPUT use
        38 | condition-3#2 | pipelinechannel--use-o | v2 | ONE_OF_OUTPUT use#2           | OUTPUT use
        39 | for-loop-2    | pipelinechannel--use-o | v1 | ITERATOR_OUTPUT condition-3#0 | ITERATOR_OUTPUT condition-3
        39 | for-loop-2    | pipelinechannel--use-o | v2 | ITERATOR_OUTPUT condition-3#2 | ITERATOR_OUTPUT condition-3
        72 | uselist       | i                      | v1 | COLLECTED_INPUTS for-loop-2   | =
        72 | uselist       | i                      | v2 | COLLECTED_INPUTS for-loop-2   | =
    """,
    "a loop in a loop": """
        ROOT ROOT
          make
          for-loop-2 LOOP x2
            for-loop-4#0 LOOP x2 -> DAG
              use#0
              use#1
            for-loop-4#1 LOOP x1 -> DAG
              use#0
          uselist
        .  | make               | o                       | v1 | OUTPUT make            | =
        .  | for-loop-2         | pipelinechannel--make-o | v1 | TASK_OUTPUT_INPUT make | =
        40 | for-loop-4#0       | pipelinechannel--make-o | v1 | COMPONENT_INPUT make   | COMPONENT_INPUT make#0
        40 | for-loop-4#1       | pipelinechannel--make-o | v1 | COMPONENT_INPUT make   | COMPONENT_INPUT make#1
        12 | for-loop-4#0/use#1 | i                       | v1 | COMPONENT_INPUT make   | COMPONENT_INPUT make#1
        12 | for-loop-4#1/use#0 | i                       | v1 | COMPONENT_INPUT make   | COMPONENT_INPUT make#0
        .  | for-loop-4#0/use#0 | o                       | v2 | ITERATOR_OUTPUT use#0  | =
        .  | for-loop-4#0/use#1 | o                       | v3 | ITERATOR_OUTPUT use#1  | =
        .  | for-loop-4#1/use#0 | o                       | v4 | ITERATOR_OUTPUT use#0  | =
        40 | for-loop-4#0       | pipelinechannel--use-o  | v2 | ITERATOR_OUTPUT use#0  | OUTPUT use
        40 | for-loop-4#0       | pipelinechannel--use-o  | v3 | ITERATOR_OUTPUT use#1  | OUTPUT use
        40 | for-loop-4#1       | pipelinechannel--use-o  | v4 | ITERATOR_OUTPUT use#0  | OUTPUT use
        41 | for-loop-2         | pipelinechannel--for-loop-4-use-o | v2 | ITERATOR_OUTPUT for-loop-4#0 | ITERATOR_OUTPUT for-loop-4
        41 | for-loop-2         | pipelinechannel--for-loop-4-use-o | v3 | ITERATOR_OUTPUT for-loop-4#0 | ITERATOR_OUTPUT for-loop-4
        41 | for-loop-2         | pipelinechannel--for-loop-4-use-o | v4 | ITERATOR_OUTPUT for-loop-4#1 | ITERATOR_OUTPUT for-loop-4
        16 | uselist            | i                       | v2 | COLLECTED_INPUTS for-loop-2 | =
        16 | uselist            | i                       | v3 | COLLECTED_INPUTS for-loop-2 | =
        16 | uselist            | i                       | v4 | COLLECTED_INPUTS for-loop-2 | =
    """,
    "an exit task that watches a group of tasks": """
        ROOT ROOT
          make
          exit-handler-1 EXIT_HANDLER -> DAG
            use
            sink
          status
        .  | make           | o                       | v1 | OUTPUT make            | =
        42 | exit-handler-1 | pipelinechannel--make-o | v1 | TASK_OUTPUT_INPUT make | =
        42 | use            | i                       | v1 | COMPONENT_INPUT make   | =
        .  | use            | o                       | v2 | OUTPUT use             | =
        42 | sink           | i                       | v2 | TASK_OUTPUT_INPUT use  | =
        43 | status         | s | ={"state":"SUCCEEDED"} | TASK_FINAL_STATUS_OUTPUT exit-handler-1 | TASK_FINAL_STATUS_OUTPUT ROOT
        44 | exit-handler-1 | o |                       | no link                | -
    """,
    "an exit task of a whole pipeline": """
        ROOT ROOT
          make FAILED
          status
        43 | status | s | ={"state":"FAILED"} | TASK_FINAL_STATUS_OUTPUT ROOT | =
        75 | make   | o |                     | no link                       | -
    """,
    "an exit task of a nested pipeline, next to it": """
        ROOT ROOT
          mid DAG
            make
          status
        43 | status | s | ={"state":"SUCCEEDED","task_name":"mid"} | TASK_FINAL_STATUS_OUTPUT mid | TASK_FINAL_STATUS_OUTPUT ROOT
    """,
    "two groups that are watched, inside a loop": """
        ROOT ROOT
          for-loop-1 LOOP x1
            exit-handler-1#0 EXIT_HANDLER -> DAG
              make#0
            status#0
            exit-handler-2#0 EXIT_HANDLER -> DAG
              use#0
            status-2#0
        43 | status#0   | s | ={"task_name":"exit-handler-1"} | TASK_FINAL_STATUS_OUTPUT exit-handler-1#0 | TASK_FINAL_STATUS_OUTPUT for-loop-1#0
        43 | status-2#0 | s | ={"task_name":"exit-handler-2"} | TASK_FINAL_STATUS_OUTPUT exit-handler-2#0 | TASK_FINAL_STATUS_OUTPUT for-loop-1#0
    """,
    "metrics recorded as several versions under one key": """
        ROOT ROOT
          met
          usemet
        45 | met    | m | v1 | OUTPUT met            | =
        45 | met    | m | v2 | OUTPUT met            | =
        46 | usemet | m | v1 | TASK_OUTPUT_INPUT met | =
        46 | usemet | m | v2 | TASK_OUTPUT_INPUT met | =
    """,
    "a loop over a list of artifacts, which KFP's driver refuses": """
        ROOT ROOT
          for-loop-1 LOOP x2
            use#0
            use#1
          for-loop-2 LOOP x2
            sink#0
            sink#1
        .  | use#0      | o                                | v1 | ITERATOR_OUTPUT use#0       | =
        .  | use#1      | o                                | v2 | ITERATOR_OUTPUT use#1       | =
        .  | for-loop-1 | pipelinechannel--use-o           | v1 | ITERATOR_OUTPUT use#0       | =
        .  | for-loop-1 | pipelinechannel--use-o           | v2 | ITERATOR_OUTPUT use#1       | =
        48 | for-loop-2 | pipelinechannel--use-o           | v1 | COLLECTED_INPUTS for-loop-1 | =
        48 | for-loop-2 | pipelinechannel--use-o           | v2 | COLLECTED_INPUTS for-loop-1 | =
        48 | for-loop-2 | pipelinechannel--use-o-loop-item | v1 | ITERATOR_INPUT for-loop-2#0 | =
        48 | for-loop-2 | pipelinechannel--use-o-loop-item | v2 | ITERATOR_INPUT for-loop-2#1 | =
        48 | sink#0     | i                                | v1 | COMPONENT_INPUT for-loop-2#0 | =
        48 | sink#1     | i                                | v2 | COMPONENT_INPUT for-loop-2#1 | =
    """,
    "a task served from cache, alone and in a loop": """
        ROOT ROOT
          make CACHED
          for-loop-1 LOOP x2
            use#0 CACHED
            use#1 CACHED
        49 | make       | o                      | v1 | OUTPUT make           | =
        49 | use#0      | o                      | v2 | ITERATOR_OUTPUT use#0 | =
        76 | use#1      | o                      | v2 | ITERATOR_OUTPUT use#1 | =
        76 | for-loop-1 | pipelinechannel--use-o | v2 | ITERATOR_OUTPUT use#0 | =
        76 | for-loop-1 | pipelinechannel--use-o | v2 | ITERATOR_OUTPUT use#1 | =
        3  | ROOT       | Output                 | v1 | OUTPUT make           | =
    """,
    "existing data brought in inside a loop": """
        ROOT ROOT
          for-loop-1 LOOP x1
            importer#0 IMPORTER
            use#0
        50 | importer#0 | artifact | v1 | ITERATOR_OUTPUT importer#0   | =
        50 | use#0      | i        | v1 | TASK_OUTPUT_INPUT importer#0 | COLLECTED_INPUTS importer#0
    """,
}

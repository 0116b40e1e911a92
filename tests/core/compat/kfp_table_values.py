"""Rows 51-71, 73, 74, 77-84 of `kfp_table`: parameters, items of loops, lists, values by hand."""

VALUES = {
    "run arguments, defaults and constants": """
        ROOT ROOT
          make
          use
          mid DAG
            inner DAG
              sink
        51  | ROOT  | a | =4 | RUNTIME_VALUE_INPUT     | RUNTIME_VALUE_INPUT ROOT
        52! | ROOT  | b | =7 | COMPONENT_DEFAULT_INPUT | RUNTIME_VALUE_INPUT ROOT
        53  | make  | x | =4 | COMPONENT_INPUT ROOT    | =
        57  | make  | y | =1 | COMPONENT_DEFAULT_INPUT | COMPONENT_DEFAULT_INPUT ROOT
        55  | use   | x | =5 | RUNTIME_VALUE_INPUT     | RUNTIME_VALUE_INPUT ROOT
        54  | mid   | a | =4 | COMPONENT_INPUT ROOT    | =
        54  | inner | a | =4 | COMPONENT_INPUT ROOT    | =
        54  | sink  | x | =4 | COMPONENT_INPUT ROOT    | =
        55  | mid   | c | =6 | RUNTIME_VALUE_INPUT     | RUNTIME_VALUE_INPUT ROOT
        54  | inner | c | =6 | COMPONENT_INPUT mid     | COMPONENT_INPUT ROOT
        54  | sink  | c | =6 | COMPONENT_INPUT mid     | COMPONENT_INPUT ROOT
    """,
    "the same inside a loop": """
        ROOT ROOT
          for-loop-1 LOOP x1
            use#0
            condition-2#0 CONDITION_BRANCH
              sink#0
        .  | ROOT          | a                  | =4 | RUNTIME_VALUE_INPUT     | RUNTIME_VALUE_INPUT ROOT
        54 | for-loop-1    | pipelinechannel--a | =4 | COMPONENT_INPUT ROOT    | =
        54 | use#0         | x                  | =4 | COMPONENT_INPUT ROOT    | COMPONENT_INPUT ROOT#0
        54 | condition-2#0 | pipelinechannel--a | =4 | COMPONENT_INPUT ROOT    | COMPONENT_INPUT ROOT#0
        54 | sink#0        | x                  | =4 | COMPONENT_INPUT ROOT    | COMPONENT_INPUT ROOT#0
        56 | use#0         | c                  | =9 | RUNTIME_VALUE_INPUT     | RUNTIME_VALUE_INPUT for-loop-1#0
        57 | use#0         | y                  | =1 | COMPONENT_DEFAULT_INPUT | COMPONENT_DEFAULT_INPUT for-loop-1#0
    """,
    "parameter outputs": """
        ROOT ROOT
          par
          use
          for-loop-1 LOOP x2
            par-2#0
            use-2#0
            par-2#1
            use-2#1
          uselist
        58 | par        | o | ="a" | OUTPUT par            | =
        58 | use        | i | ="a" | TASK_OUTPUT_INPUT par | =
        58 | ROOT       | o | ="a" | OUTPUT par            | =
        58 | par-2#0    | o | ="b" | ITERATOR_OUTPUT par-2#0 | =
        58 | par-2#1    | o | ="c" | ITERATOR_OUTPUT par-2#1 | =
        58 | use-2#0    | i | ="b" | TASK_OUTPUT_INPUT par-2#0 | COLLECTED_INPUTS par-2#0 =["b"]
        58 | use-2#1    | i | ="c" | TASK_OUTPUT_INPUT par-2#1 | COLLECTED_INPUTS par-2#1 =["c"]
        58 | for-loop-1 | pipelinechannel--par-2-o | ="b" | ITERATOR_OUTPUT par-2#0 | =
        58 | for-loop-1 | pipelinechannel--par-2-o | ="c" | ITERATOR_OUTPUT par-2#1 | =
        58 | uselist    | i | ="b" | COLLECTED_INPUTS for-loop-1 | COLLECTED_INPUTS for-loop-1 =["b","c"]
        58 | uselist    | i | ="c" | COLLECTED_INPUTS for-loop-1 | COLLECTED_INPUTS for-loop-1 =["b","c"]
    """,
    "a loop over a list written in the pipeline": """
        ROOT ROOT
          for-loop-1 LOOP x2
            use#0
            use#1
        59 | for-loop-1 | pipelinechannel--loop-item-param-1 | =1 | ITERATOR_INPUT_RAW #0 | ITERATOR_INPUT for-loop-1#0
        59 | for-loop-1 | pipelinechannel--loop-item-param-1 | =2 | ITERATOR_INPUT_RAW #1 | ITERATOR_INPUT for-loop-1#1
        59 | use#0      | i | =1 | COMPONENT_INPUT for-loop-1#0 | =
        59 | use#1      | i | =2 | COMPONENT_INPUT for-loop-1#1 | =
    """,
    "a loop over a pipeline parameter": """
        ROOT ROOT
          for-loop-1 LOOP x2
            use#0
            use#1
        .  | ROOT       | xs                            | =[5,6] | RUNTIME_VALUE_INPUT         | RUNTIME_VALUE_INPUT ROOT
        60 | for-loop-1 | pipelinechannel--xs           | =[5,6] | COMPONENT_INPUT ROOT        | =
        60 | for-loop-1 | pipelinechannel--xs-loop-item | =5     | ITERATOR_INPUT for-loop-1#0 | =
        60 | for-loop-1 | pipelinechannel--xs-loop-item | =6     | ITERATOR_INPUT for-loop-1#1 | =
        60 | use#0      | i                             | =5     | COMPONENT_INPUT for-loop-1#0 | =
        60 | use#1      | i                             | =6     | COMPONENT_INPUT for-loop-1#1 | =
    """,
    "a loop over one artifact that holds a list": """
        ROOT ROOT
          items
          for-loop-1 LOOP x2
            use#0
            use#1
        .  | items      | Output                                  | v1  | OUTPUT items                 | =
        61 | for-loop-1 | pipelinechannel--items-Output           | v1  | TASK_OUTPUT_INPUT items      | =
        61 | for-loop-1 | pipelinechannel--items-Output-loop-item | =10 | ITERATOR_INPUT for-loop-1#0  | =
        61 | for-loop-1 | pipelinechannel--items-Output-loop-item | =10 | ITERATOR_INPUT for-loop-1#1  | =
        61 | use#0      | i                                       | =10 | COMPONENT_INPUT for-loop-1#0 | =
        61 | use#1      | i                                       | =10 | COMPONENT_INPUT for-loop-1#1 | =
    """,
    "loops over two lists together and over their product": """
        ROOT ROOT
          for-loop-1 LOOP x2
            use#0
            use#1
          for-loop-3 LOOP x2
            both#1
          for-loop-4 LOOP x4
            both-2#2
        .  | use#0      | o                                | v1 | ITERATOR_OUTPUT use#0         | =
        .  | use#1      | o                                | v2 | ITERATOR_OUTPUT use#1         | =
        .  | for-loop-1 | pipelinechannel--use-o           | v1 | ITERATOR_OUTPUT use#0         | =
        .  | for-loop-1 | pipelinechannel--use-o           | v2 | ITERATOR_OUTPUT use#1         | =
        62 | for-loop-3 | pipelinechannel--use-o           | v1 | COLLECTED_INPUTS for-loop-1   | =
        62 | for-loop-3 | pipelinechannel--use-o           | v2 | COLLECTED_INPUTS for-loop-1   | =
        62 | for-loop-3 | pipelinechannel--use-o-loop-item | v1 | ITERATOR_INPUT for-loop-3#0   | =
        62 | for-loop-3 | pipelinechannel--use-o-loop-item | v2 | ITERATOR_INPUT for-loop-3#1   | =
        62 | both#1     | i                                | v2 | COMPONENT_INPUT for-loop-3#1  | =
        63 | for-loop-4 | pipelinechannel--use-o-loop-item | v1 | ITERATOR_INPUT for-loop-4#0   | =
        63 | for-loop-4 | pipelinechannel--use-o-loop-item | v1 | ITERATOR_INPUT for-loop-4#1   | =
        63 | for-loop-4 | pipelinechannel--use-o-loop-item | v2 | ITERATOR_INPUT for-loop-4#2   | =
        63 | for-loop-4 | pipelinechannel--use-o-loop-item | v2 | ITERATOR_INPUT for-loop-4#3   | =
        63 | both-2#2   | i                                | v2 | COMPONENT_INPUT for-loop-4#2  | =
    """,
    "a handle and a constant broadcast to every iteration": """
        ROOT ROOT
          make
          for-loop-1 LOOP x1
            use#0
        .  | make       | o                       | v1 | OUTPUT make            | =
        64 | for-loop-1 | pipelinechannel--make-o | v1 | TASK_OUTPUT_INPUT make | =
        64 | use#0      | i                       | v1 | COMPONENT_INPUT make   | COMPONENT_INPUT make#0
        64 | use#0      | c                       | =3 | RUNTIME_VALUE_INPUT    | RUNTIME_VALUE_INPUT for-loop-1#0
    """,
    "a loop in a loop: items and artifacts of the outer iteration in the inner one": """
        ROOT ROOT
          for-loop-2 LOOP x2
            make#1
            for-loop-4#1 LOOP x3 -> DAG
              par#2
              use#2
            uselist#1
        .  | for-loop-2   | pipelinechannel--loop-item-param-1 | =7 | ITERATOR_INPUT_RAW #0        | ITERATOR_INPUT for-loop-2#0
        .  | for-loop-2   | pipelinechannel--loop-item-param-1 | =8 | ITERATOR_INPUT_RAW #1        | ITERATOR_INPUT for-loop-2#1
        65 | for-loop-4#1 | pipelinechannel--loop-item-param-1 | =8 | COMPONENT_INPUT for-loop-2#1 | =
        65 | par#2        | i                                  | =8 | COMPONENT_INPUT for-loop-2#1 | COMPONENT_INPUT for-loop-2#2
        .  | make#1       | o                                  | v1 | ITERATOR_OUTPUT make#1       | =
        66 | for-loop-4#1 | pipelinechannel--make-o            | v1 | TASK_OUTPUT_INPUT make#1     | COLLECTED_INPUTS make#1
        66 | use#2        | i                                  | v1 | COMPONENT_INPUT make#1       | COMPONENT_INPUT make#2
        .  | use#2        | o                                  | v2 | ITERATOR_OUTPUT use#2        | =
        .  | for-loop-4#1 | pipelinechannel--use-o             | v2 | ITERATOR_OUTPUT use#2        | OUTPUT use
        67 | uselist#1    | i                                  | v2 | COLLECTED_INPUTS for-loop-4#1 | TASK_OUTPUT_INPUT use#1
    """,
    "a fan-in of the inner loop, two elements": """
        ROOT ROOT
          for-loop-2 LOOP x1
            for-loop-4#0 LOOP x2 -> DAG
              use#0
              use#1
            uselist#0
        .  | use#0        | o                      | v1 | ITERATOR_OUTPUT use#0         | =
        .  | use#1        | o                      | v2 | ITERATOR_OUTPUT use#1         | =
        .  | for-loop-4#0 | pipelinechannel--use-o | v1 | ITERATOR_OUTPUT use#0         | OUTPUT use
        .  | for-loop-4#0 | pipelinechannel--use-o | v2 | ITERATOR_OUTPUT use#1         | OUTPUT use
        67 | uselist#0    | i                      | v1 | COLLECTED_INPUTS for-loop-4#0 | TASK_OUTPUT_INPUT use#0
        67 | uselist#0    | i                      | v2 | COLLECTED_INPUTS for-loop-4#0 | TASK_OUTPUT_INPUT use#0
    """,
    "a nested pipeline that returns a fan-out, itself mapped": """
        ROOT ROOT
          for-loop-1 LOOP x2
            inner5#0 DAG
              for-loop-2#0 LOOP x2 -> DAG
                use#0
                use#1
            uselist#0
            inner5#1 DAG
              for-loop-2#1 LOOP x1 -> DAG
                use#0
            uselist#1
        .  | for-loop-2#0/use#0 | o | v1 | ITERATOR_OUTPUT use#0 | =
        .  | for-loop-2#0/use#1 | o | v2 | ITERATOR_OUTPUT use#1 | =
        .  | for-loop-2#1/use#0 | o | v3 | ITERATOR_OUTPUT use#0 | =
        .  | for-loop-2#0 | pipelinechannel--use-o | v1 | ITERATOR_OUTPUT use#0 | OUTPUT use
        .  | for-loop-2#0 | pipelinechannel--use-o | v2 | ITERATOR_OUTPUT use#1 | OUTPUT use
        .  | for-loop-2#1 | pipelinechannel--use-o | v3 | ITERATOR_OUTPUT use#0 | OUTPUT use
        68 | inner5#0     | Output | v1 | ITERATOR_OUTPUT for-loop-2#0 | OUTPUT for-loop-2
        68 | inner5#0     | Output | v2 | ITERATOR_OUTPUT for-loop-2#0 | OUTPUT for-loop-2
        68 | inner5#1     | Output | v3 | ITERATOR_OUTPUT for-loop-2#1 | OUTPUT for-loop-2
        68 | uselist#0    | i      | v1 | COLLECTED_INPUTS inner5#0    | TASK_OUTPUT_INPUT for-loop-2#0
        68 | uselist#0    | i      | v2 | COLLECTED_INPUTS inner5#0    | TASK_OUTPUT_INPUT for-loop-2#0
        68 | uselist#1    | i      | v3 | COLLECTED_INPUTS inner5#1    | TASK_OUTPUT_INPUT for-loop-2#1
        68 | for-loop-1   | pipelinechannel--inner5-Output | v1 | ITERATOR_OUTPUT inner5#0 | ITERATOR_OUTPUT inner5
        68 | for-loop-1   | pipelinechannel--inner5-Output | v2 | ITERATOR_OUTPUT inner5#0 | ITERATOR_OUTPUT inner5
        68 | for-loop-1   | pipelinechannel--inner5-Output | v3 | ITERATOR_OUTPUT inner5#1 | ITERATOR_OUTPUT inner5
        68 | ROOT         | Output | v1 | ITERATOR_OUTPUT for-loop-1#0 | ITERATOR_OUTPUT for-loop-1
        68 | ROOT         | Output | v2 | ITERATOR_OUTPUT for-loop-1#0 | ITERATOR_OUTPUT for-loop-1
        68 | ROOT         | Output | v3 | ITERATOR_OUTPUT for-loop-1#1 | ITERATOR_OUTPUT for-loop-1
    """,
    "a fan-out made inside a branch": """
        ROOT ROOT
          e DAG
            condition-1 CONDITION_BRANCH
              for-loop-3 LOOP x2
                use#0
                use#1
          uselist
        .  | use#0       | o                      | v1 | ITERATOR_OUTPUT use#0         | =
        .  | use#1       | o                      | v2 | ITERATOR_OUTPUT use#1         | =
        .  | for-loop-3  | pipelinechannel--use-o | v1 | ITERATOR_OUTPUT use#0         | =
        .  | for-loop-3  | pipelinechannel--use-o | v2 | ITERATOR_OUTPUT use#1         | =
        69 | condition-1 | pipelinechannel--use-o | v1 | ITERATOR_OUTPUT for-loop-3#0  | =
        69 | condition-1 | pipelinechannel--use-o | v2 | ITERATOR_OUTPUT for-loop-3#1  | =
        69 | e           | Output                 | v1 | ITERATOR_OUTPUT condition-1#0 | =
        69 | e           | Output                 | v2 | ITERATOR_OUTPUT condition-1#1 | =
        69 | uselist     | i                      | v1 | COLLECTED_INPUTS e            | =
        69 | uselist     | i                      | v2 | COLLECTED_INPUTS e            | =
    """,
    "lists, elements and duplicates that KFP has no form for": """
        ROOT ROOT
          a
          b
          uselist
          for-loop-1 LOOP x3
            use#0 CACHED
            use#1 CACHED
            use#2
          sink
          uselist-2
        .   | a          | o                      | v1 | OUTPUT a                    | =
        .   | b          | o                      | v2 | OUTPUT b                    | =
        70  | uselist    | i                      | v1 | COLLECTED_INPUTS a          | =
        70  | uselist    | i                      | v2 | COLLECTED_INPUTS b          | =
        .   | use#0      | o                      | v3 | ITERATOR_OUTPUT use#0       | =
        .   | use#1      | o                      | v3 | ITERATOR_OUTPUT use#1       | =
        .   | use#2      | o                      | v4 | ITERATOR_OUTPUT use#2       | =
        .   | for-loop-1 | pipelinechannel--use-o | v3 | ITERATOR_OUTPUT use#0       | =
        .   | for-loop-1 | pipelinechannel--use-o | v3 | ITERATOR_OUTPUT use#1       | =
        .   | for-loop-1 | pipelinechannel--use-o | v4 | ITERATOR_OUTPUT use#2       | =
        71  | sink       | i                      | v4 | TASK_OUTPUT_INPUT use#2     | =
        71  | ROOT       | Output                 | v4 | OUTPUT for-loop-1           | =
        73! | uselist-2  | i                      | v3 | COLLECTED_INPUTS for-loop-1 | =
        73! | uselist-2  | i                      | v3 | COLLECTED_INPUTS for-loop-1 | -
        73! | uselist-2  | i                      | v4 | COLLECTED_INPUTS for-loop-1 | =
    """,
    "a list put together from a step and constants, given to a nested pipeline": """
        ROOT ROOT
          a
          wrap DAG
            uselist
          uselist-2
        .   | a         | o  | ="x" | OUTPUT a            | =
        70! | wrap      | l  | ="x" | COLLECTED_INPUTS a  | =
        70! | wrap      | l  | =5   | RUNTIME_VALUE_INPUT | RUNTIME_VALUE_INPUT ROOT =[5,6]
        70! | wrap      | l  | =6   | RUNTIME_VALUE_INPUT | RUNTIME_VALUE_INPUT ROOT =[5,6]
        70  | uselist-2 | l  | ="x" | COLLECTED_INPUTS a  | =
    """,
    "retries, values logged and loaded by hand, versions as literals": """
        ROOT ROOT
          make
          bad FAILED
          use
          importer IMPORTER
          sink
          for-loop-1 LOOP x1
            use-2#0
        82 | ROOT     | d          | v9 | RUNTIME_VALUE_INPUT        | =
        82 | use      | d          | v9 | COMPONENT_INPUT ROOT       | =
        74 | make     | o          | v1 | OUTPUT make                | =
        84 | make     | stream     | v8 | OUTPUT make                | =
        77 | make     | auto/plot  | v2 | OUTPUT make                | =
        78 | bad      | auto/plot  | v3 | OUTPUT bad                 | =
        79 | use      | auto/plot  | v2 | TASK_OUTPUT_INPUT make     | =
        79 | use-2#0  | auto/plot  | v2 | TASK_OUTPUT_INPUT make     | =
        80 | use      | auto/old   | v4 | RUNTIME_VALUE_INPUT        | =
        83 | use      | i          | v5 | RUNTIME_VALUE_INPUT        | =
        77 | use-2#0  | auto/plot  | v7 | ITERATOR_OUTPUT use-2#0    | =
        81 | importer | artifact   | v6 | OUTPUT importer            | =
        81 | sink     | i          | v6 | TASK_OUTPUT_INPUT importer | =
    """,
}

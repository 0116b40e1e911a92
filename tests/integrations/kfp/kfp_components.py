"""A KFP pipeline whose components use our steps, run by `kfp.local` in subprocesses."""

import sys

from kfp import dsl, local


@dsl.component(install_kfp_package=False)
def train(rows: int) -> float:
    """Use our steps and save by hand, as a user's component would; no line says where."""
    from kfp_steps import fit, load

    import artifact_plugins as ap

    with ap.start_run("inside"):
        score = ap.value(fit(load(rows)))
    ap.save({"rows": rows}, "notes")
    return score


@dsl.component(install_kfp_package=False)
def show(score: float) -> str:
    """Use nothing of ours."""
    return f"{score:.2f}"


@dsl.pipeline
def training(rows: int = 4) -> str:
    """Train, then show."""
    return show(score=train(rows=rows).output).output


if __name__ == "__main__":
    local.init(runner=local.SubprocessRunner(use_venv=False), pipeline_root=sys.argv[1])
    print(f"score {training(rows=4).output}")

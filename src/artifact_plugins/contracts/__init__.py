"""The promises between rooms, and between us and plugin authors.

materializer.py   Materializer: turns a value into files and back, by type
abilities.py      optional abilities of a materializer: DirectIO, StreamIO, PartialIO, LoadsSafely,
                   UsesParts
files.py          FileWriter, FileReader: what DirectIO materializers see
refs.py           type_path, find_type, load_target: classes by public import path
folder.py          FolderFiles, DirectMaterializer: a plain folder as the files of a version
artifact_task.py  ArtifactTask: turns a value into files and back, by name
offers.py         MaterializerOffer, ArtifactTaskOffer: what a plugin answers; imports nothing
hookspecs.py      every hook: when it runs, its arguments, what raising does
backend.py        Backend: a remote registry, and what it gets to deliver
rendering.py      RenderedTask: a task as another system itself would have recorded it
runtime.py        Runtime: what executes step calls
"""

"""Modal: what runs where, and what it costs. The only room that imports `modal`, and one that nothing else imports at its top.

app.py        the Modal app: every function and class, and nothing else
sizing.py     what decides cost and latency, with the reasons; costs.py turns it into the table of need.md
images.py     one image per role, from the versions the tests run with; resolve.py asks pip whether they go together
container.py  what every container does first
api.py        the API's container: the same FastAPI app, with the work done elsewhere
pipeline.py   the pipeline's container: many windows, each under its lease
workers.py    the GPU containers: an engine, its stores, and what it does when the device is lost (device.py)
trained.py    few-shot checkpoints that were committed while a GPU container was awake
adapters.py   the other side of the GPU classes: reader, synthesizer and voicer as the program knows them
calls.py      one remote call: cancelled with its caller, its errors ours
hearing.py    recordings without a transcript, written down by the speaker's container
runner.py     the API's Runner: spawns pipelines
download.py   fills the weights volume
trainer.py    few-shot training as the API sees it; training.py is the app that does it
sample.py     `modal run backend/modal_app.py`: a chapter on the GPUs
"""

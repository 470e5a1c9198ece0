"""A local stand-in for Modal's servers: the real CLI deploys to it, and real container processes run what was deployed. No account.

It speaks the ModalClient gRPC service out of `modal_proto`, as pip installs it with `modal`. It keeps every definition that
`modal deploy`, `serve` and `run` send, and it runs them: each container is one process of Modal's own container entry point, fed with the
deployed definition, seeing only the mounted sources, the secrets' variables and the volumes. Web functions get a port of their own.

It builds no images (a container is this environment, with only those libraries in sight that its image installs), takes no snapshots,
knows no GPUs and bills nobody.

    cloud.py        what tests use: starts it, runs the CLI against it, asks for its state, kills containers
    __main__.py     the process: the gRPC server and the admin's HTTP
    things.py       functions, calls, inputs, containers, as data
    state.py        all of them together; what a container is told about an app
    containers.py   scheduling: a container's life, its inputs, retries and losses
    isolation.py    whether containers can have their own view of the disk here, and how
    packages.py     what a container can import
    volumes.py      what a container sees of a volume, and when
    ingress.py      HTTP in front of web functions
    admin.py        /state, /kill, /stop, blobs
    rpc.py          what all parts of the service share; rpc_*.py the calls: apps and objects, functions, calls, containers
"""

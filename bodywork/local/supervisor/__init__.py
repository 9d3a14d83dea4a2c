"""The small processes that run stages, each outliving the controller that asked for it.

Standard library only, and little of it: a supervisor is forked from the spawner, so what it needs
is loaded once. It is told everything by files in the attempt's folder, and tells everything by
files there; nobody needs to know its process id.

::

    spec.json    what to run; written by the controller, before anything starts
    claim        made once, exclusively: who made it starts the script
    wake         a FIFO that the supervisor keeps open for writing as long as it lives: readers see
                 that it is, and a hang-up at its end
    control      a FIFO that the supervisor reads commands from
    status.json  what became of it; replaced atomically
    log          the output, a line each with its time
"""

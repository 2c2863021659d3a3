"""How lines begin that Triton's processes say to ours; libraries print lines of their own.

It imports nothing: the processes have an environment of their own.
"""

READY = "ready: "  # of the server, when it answers
ANSWER = "answer: "  # of the client, to each call

"""llama.cpp's own server for one model file, as a program: `llama_cpp_server.py --model FILE --host HOST --port PORT`."""

import argparse
import threading

import xllamacpp

parser = argparse.ArgumentParser()
for name in ("--model", "--host", "--port"):
    parser.add_argument(name, required=True)
options = parser.parse_args()
parameters = xllamacpp.CommonParams()
parameters.model.path = options.model
parameters.hostnames = [options.host]
parameters.port = int(options.port)
parameters.n_ctx = 2048
server = xllamacpp.Server(parameters)
threading.Event().wait()

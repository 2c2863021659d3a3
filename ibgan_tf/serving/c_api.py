"""TensorFlow's C API by ctypes: its library, its status and its tensors, without its Python."""

import ctypes
import functools
import importlib.util
import os
import pathlib

import numpy as np

_LIBRARY = "libtensorflow_cc.so.2"
_STRING = 7  # TF_STRING
_STRING_BYTES = 24  # sizeof(TF_TString)
# TF_DataType, of c/tf_datatype.h, of those types that NumPy has too.
TYPES = {
    "float32": (1, np.float32),
    "float64": (2, np.float64),
    "int32": (3, np.int32),
    "uint8": (4, np.uint8),
    "string": (_STRING, object),
    "int64": (9, np.int64),
    "bool": (10, np.bool_),
    "float16": (19, np.float16),
}
_NAMES_OF_TYPES = {number: name for name, (number, _) in TYPES.items()}
# TF_Code, of tsl/c/tsl_status.h: the canonical codes of gRPC.
_CODES = (
    ("OK", "CANCELLED", "UNKNOWN", "INVALID_ARGUMENT", "DEADLINE_EXCEEDED", "NOT_FOUND")
    + ("ALREADY_EXISTS", "PERMISSION_DENIED", "RESOURCE_EXHAUSTED", "FAILED_PRECONDITION")
    + ("ABORTED", "OUT_OF_RANGE", "UNIMPLEMENTED", "INTERNAL", "UNAVAILABLE", "DATA_LOSS")
    + ("UNAUTHENTICATED",)
)


class SavedModelError(ValueError):
    """What TensorFlow's C++ runtime says of an export that it can't load, or of a call.

    Attributes:
        code: the canonical name of its status, such as "INVALID_ARGUMENT".
    """

    def __init__(self, message: str, *, code: str):
        super().__init__(message)
        self.code = code


class Output(ctypes.Structure):
    """TF_Output: one output of one operation of a graph."""

    _fields_ = [("operation", ctypes.c_void_p), ("index", ctypes.c_int)]


class Status:
    """A TF_Status, freed with its object."""

    def __init__(self, library: ctypes.CDLL):
        self._library = library
        self.pointer = library.TF_NewStatus()

    def check(self, action: str) -> None:
        """Raises what the runtime said, if it didn't say OK."""
        number = self._library.TF_GetCode(self.pointer)
        if number:
            message = self._library.TF_Message(self.pointer).decode(errors="replace")
            code = _CODES[number] if number < len(_CODES) else "UNKNOWN"
            raise SavedModelError(f"{action}: {code}: {message}", code=code)

    def __del__(self):
        self._library.TF_DeleteStatus(self.pointer)


@functools.cache
def load_library() -> ctypes.CDLL:
    """Returns TensorFlow's C API, from the installed wheel, with its functions' types."""
    # Notices of the C++ runtime aren't for the user of a script; its errors stay.
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")
    spec = importlib.util.find_spec("tensorflow")  # finds the package, doesn't import it
    folders = spec.submodule_search_locations if spec else ()
    paths = [pathlib.Path(folder) / _LIBRARY for folder in folders]
    if not any(path.exists() for path in paths):
        raise FileNotFoundError(
            f"{_LIBRARY} of the package tensorflow must be installed. Received: {paths}. "
            "Install it with: pip install tensorflow"
        )
    library = ctypes.CDLL(str(next(path for path in paths if path.exists())))
    pointer, integer, size, text = ctypes.c_void_p, ctypes.c_int, ctypes.c_size_t, ctypes.c_char_p
    prototypes = {
        "TF_NewStatus": (pointer, []),
        "TF_DeleteStatus": (None, [pointer]),
        "TF_GetCode": (integer, [pointer]),
        "TF_Message": (text, [pointer]),
        "TF_NewGraph": (pointer, []),
        "TF_DeleteGraph": (None, [pointer]),
        "TF_NewSessionOptions": (pointer, []),
        "TF_DeleteSessionOptions": (None, [pointer]),
        "TF_SetConfig": (None, [pointer, text, size, pointer]),
        "TF_LoadSessionFromSavedModel": (
            pointer,
            [pointer, pointer, text, pointer, integer, pointer, pointer, pointer],
        ),
        "TF_GraphOperationByName": (pointer, [pointer, text]),
        "TF_SessionRun": (
            None,
            [pointer, pointer, pointer, pointer, integer, pointer, pointer, integer]
            + [pointer, integer, pointer, pointer],
        ),
        "TF_CloseSession": (None, [pointer, pointer]),
        "TF_DeleteSession": (None, [pointer, pointer]),
        "TF_AllocateTensor": (pointer, [integer, pointer, integer, size]),
        "TF_DeleteTensor": (None, [pointer]),
        "TF_TensorData": (pointer, [pointer]),
        "TF_TensorType": (integer, [pointer]),
        "TF_NumDims": (integer, [pointer]),
        "TF_Dim": (ctypes.c_int64, [pointer, integer]),
        "TF_StringInit": (None, [pointer]),
        "TF_StringCopy": (None, [pointer, text, size]),
        "TF_StringGetDataPointer": (pointer, [pointer]),
        "TF_StringGetSize": (size, [pointer]),
        "TF_StringDealloc": (None, [pointer]),
    }
    for name, (returned, arguments) in prototypes.items():
        function = getattr(library, name)
        function.restype, function.argtypes = returned, arguments
    return library


def to_tensor(library: ctypes.CDLL, array: np.ndarray) -> int:
    """Returns the address of a new TF_Tensor with an array's values."""
    is_string = array.dtype == object
    number = _STRING if is_string else TYPES[array.dtype.name][0]
    size = array.size * _STRING_BYTES if is_string else array.nbytes
    shape = (ctypes.c_int64 * array.ndim)(*array.shape)
    tensor = library.TF_AllocateTensor(number, shape, array.ndim, size)
    data = library.TF_TensorData(tensor)
    if not is_string:
        ctypes.memmove(data, array.ctypes.data, size)
        return tensor
    for index, value in enumerate(array.ravel()):
        library.TF_StringInit(data + index * _STRING_BYTES)
        library.TF_StringCopy(data + index * _STRING_BYTES, value, len(value))
    return tensor


def free_tensor(library: ctypes.CDLL, tensor: int, array: np.ndarray) -> None:
    """Frees a tensor of `to_tensor`; what its strings point to is freed one by one."""
    if array.dtype == object:
        data = library.TF_TensorData(tensor)
        for index in range(array.size):
            library.TF_StringDealloc(data + index * _STRING_BYTES)
    library.TF_DeleteTensor(tensor)


def to_array(library: ctypes.CDLL, tensor: int) -> np.ndarray:
    """Returns a copy of a tensor's values."""
    number = library.TF_TensorType(tensor)
    if number not in _NAMES_OF_TYPES:
        raise SavedModelError(
            f"Outputs must be of a type of {', '.join(TYPES)}. Received: TF_DataType {number}.",
            code="UNIMPLEMENTED",
        )
    dtype = TYPES[_NAMES_OF_TYPES[number]][1]
    shape = [library.TF_Dim(tensor, axis) for axis in range(library.TF_NumDims(tensor))]
    data = library.TF_TensorData(tensor)
    if number != _STRING:
        array = np.empty(shape, dtype)
        ctypes.memmove(array.ctypes.data, data, array.nbytes)
        return array
    array = np.empty(shape, object)
    flat = array.reshape(-1)
    for index in range(flat.size):
        place = data + index * _STRING_BYTES
        flat[index] = ctypes.string_at(
            library.TF_StringGetDataPointer(place), library.TF_StringGetSize(place)
        )
    return array

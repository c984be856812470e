/* The plug-in interface of model runtimes: C, versioned, so that a plug-in may be built apart from Triune.
 *
 * A plug-in is a shared object named triune_runtime_NAME.so that exports one function, triune_runtime_plugin_get. It
 * adapts a library of somebody else's (ONNX Runtime, XGBoost, ...), which the host finds on the machine, opens with
 * dlopen(RTLD_NOW | RTLD_LOCAL | RTLD_DEEPBIND) and hands over; a plug-in is linked with nothing of the library.
 *
 * Errors: functions that can fail return 0, or a gRPC status code (3 INVALID_ARGUMENT, 13 INTERNAL, ...) with a message
 * written to *error. No exception may leave a plug-in.
 * Memory: strings and arrays that a plug-in returns belong to it and live as long as the object they came from.
 * Threads: model_infer may be called from several threads at once on one model; everything else on one object is
 * called from one thread at a time. */
#ifndef TRIUNE_RUNTIME_H
#define TRIUNE_RUNTIME_H

#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

#define TRIUNE_RUNTIME_ABI 1
#define TRIUNE_MAX_RANK 16

/* Element types; the numbers are those of triune::DType. */
typedef enum triune_dtype {
  TRIUNE_BOOL = 0,
  TRIUNE_UINT8 = 1,
  TRIUNE_UINT16 = 2,
  TRIUNE_UINT32 = 3,
  TRIUNE_UINT64 = 4,
  TRIUNE_INT8 = 5,
  TRIUNE_INT16 = 6,
  TRIUNE_INT32 = 7,
  TRIUNE_INT64 = 8,
  TRIUNE_FP16 = 9,
  TRIUNE_FP32 = 10,
  TRIUNE_FP64 = 11,
  TRIUNE_BYTES = 12, /* each element: 4-byte little-endian length, then the bytes */
  TRIUNE_BF16 = 13
} triune_dtype;

/* Written by a plug-in when it fails. The message is cut to fit and ends with 0. */
typedef struct triune_error {
  char message[2048];
} triune_error;

/* One input or output of a model. */
typedef struct triune_tensor_spec {
  const char* name;
  triune_dtype dtype;       /* what the model's metadata says */
  uint32_t accepted_dtypes; /* inputs: bit set (1 << dtype) of what model_infer takes; 0 means just `dtype` */
  uint32_t rank;            /* at most TRIUNE_MAX_RANK */
  const int64_t* dims;      /* -1: any */
  int32_t optional;         /* inputs: 1 when a request may leave it out */
  int32_t any_name;         /* inputs: 1 when the model knows no name and takes any */
  int32_t any_shape;        /* inputs: 1 when the model does not say its shape, not even the rank; rank is 0 */
} triune_tensor_spec;

typedef struct triune_signature {
  const triune_tensor_spec* inputs;
  uint32_t input_count;
  const triune_tensor_spec* outputs;
  uint32_t output_count;
  const char* platform; /* for the V2 metadata: "onnxruntime_onnx" */
} triune_signature;

/* An input of one call, already checked against the signature: dtype accepted, shape fits, size right. */
typedef struct triune_tensor {
  uint32_t index; /* which input of the signature */
  triune_dtype dtype;
  uint32_t rank;
  const int64_t* dims;
  const void* data; /* row-major, little-endian, aligned to the element; read-only; valid during the call */
  size_t size;      /* bytes */
} triune_tensor;

/* Where model_infer puts its outputs; of the host. */
typedef struct triune_response triune_response;

/* What the host offers to plug-ins. Lives for the whole process; thread-safe. */
typedef struct triune_host {
  uint32_t abi;
  /* Memory for output number `index` of the signature: `size` bytes, 64-byte aligned, for the plug-in to fill before
   * it returns. Null when there is no memory. */
  void* (*output_allocate)(triune_response*, uint32_t index, triune_dtype, uint32_t rank, const int64_t* dims,
                           size_t size);
  /* An output that already lies in memory of the plug-in's: the host calls release(owner) once, on any thread, when
   * the answer has been sent; also when it returns non-zero (out of memory). */
  int (*output_adopt)(triune_response*, uint32_t index, triune_dtype, uint32_t rank, const int64_t* dims,
                      const void* data, size_t size, void* owner, void (*release)(void* owner));
  /* level: 0 debug, 1 info, 2 warning, 3 error. */
  void (*log)(int level, const char* message);
} triune_host;

/* A parameter of a model: intra_op_threads=2. */
typedef struct triune_parameter {
  const char* key;
  const char* value;
} triune_parameter;

typedef struct triune_model_config {
  const char* name;   /* for messages */
  const char* path;   /* the model file, or the folder for formats that are folders */
  const char* format; /* one of the plug-in's formats */
  const triune_parameter* parameters;
  uint32_t parameter_count;
} triune_model_config;

typedef struct triune_library triune_library; /* the plug-in's: the library, opened */
typedef struct triune_model triune_model;     /* the plug-in's: one loaded model */

typedef struct triune_runtime_plugin {
  uint32_t abi;                        /* TRIUNE_RUNTIME_ABI it was built with */
  const char* name;                    /* "onnx": what users call the runtime */
  const char* title;                   /* "ONNX Runtime" */
  const char* const* formats;          /* model formats as in modelFormat.name, null-terminated: "onnx" */
  const char* const* model_files;      /* file names (glob patterns) it knows in a model folder, best first */
  const char* const* library_names;    /* file names (glob patterns) of the library: "libonnxruntime.so*" */
  const char* const* python_locations; /* where Python packages keep it, relative to site-packages, as globs */

  /* `handle` is from dlopen; the plug-in looks its functions up with dlsym and fails, naming them, if any is missing
   * or the version is too old. */
  int (*library_open)(void* handle, const triune_host*, triune_library** out, triune_error*);
  const char* (*library_version)(const triune_library*);
  void (*library_close)(triune_library*);

  /* Whether the content of a file, whose name matches one of model_files, can be a model of this runtime: 1 or 0. Needs
   * no library. Null: the name is enough. A file that only looks broken is a model: loading it says what is wrong. */
  int (*model_probe)(const char* path);
  /* Fails with code 3 for a file that is not a model or a parameter that it does not know (naming those it knows). */
  int (*model_load)(triune_library*, const triune_model_config*, triune_model** out, triune_error*);
  const triune_signature* (*model_signature)(const triune_model*);
  /* Memory that the model holds now, in bytes, as well as the library can tell; 0 when it can't. */
  uint64_t (*model_memory)(const triune_model*);
  /* Computes the outputs named by `outputs` (numbers in the signature) and hands each to the host exactly once. */
  int (*model_infer)(triune_model*, const triune_tensor* inputs, uint32_t input_count, const uint32_t* outputs,
                     uint32_t output_count, triune_response*, triune_error*);
  void (*model_unload)(triune_model*);
} triune_runtime_plugin;

/* Exported by every plug-in. The struct lives as long as the shared object is open. */
const triune_runtime_plugin* triune_runtime_plugin_get(void);

#ifdef __cplusplus
}
#endif
#endif

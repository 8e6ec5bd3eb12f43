/**
 * Host tensors as the 32-bit words that the GPU computes with, and back.
 *
 * @module
 */
import { type DType, gpuScalar } from "./dtype.ts";
import { elementCount, type HostTensor, hostTensor, toFloat32 } from "./host_tensor.ts";

/** Elements as the GPU holds them. */
export type Words = Float32Array<ArrayBuffer> | Int32Array<ArrayBuffer>;

/**
 * The elements as words: the tensor's own memory if it is `f32` or `i32`, else a converted copy.
 *
 * @throws {RangeError} if a 64-bit integer does not fit into 32 bits.
 * @throws {TypeError} if the type has no word.
 */
export function toWords(tensor: HostTensor): Words {
  if (gpuScalar(tensor.dtype) === "f32") return toFloat32(tensor);
  if (tensor.dtype === "i32") return tensor.data;
  const words = new Int32Array(tensor.data.length);
  for (let i = 0; i < words.length; i++) {
    const value = Number(tensor.data[i]);
    words[i] = value;
    if (words[i] !== value) {
      throw new RangeError(
        `Cannot hold ${
          tensor.data[i]
        } on the GPU: 64-bit integers are 32-bit words there, from -2^31 to 2^31 - 1`,
      );
    }
  }
  return words;
}

/** A host tensor of words that were read back, from `byteOffset` of `bytes`; shares no memory with them. */
export function fromWords(
  dtype: DType,
  shape: readonly number[],
  bytes: ArrayBuffer,
  byteOffset = 0,
): HostTensor {
  const count = elementCount(shape);
  const words = gpuScalar(dtype) === "f32"
    ? new Float32Array(bytes, byteOffset, count)
    : new Int32Array(bytes, byteOffset, count);
  return hostTensor(dtype, shape, words.slice());
}

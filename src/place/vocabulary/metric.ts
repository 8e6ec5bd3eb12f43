import type { DescriptorForm, Descriptors } from "./descriptors.ts";

/** Text for the `metric` block of the kernels that compare descriptors, by kind. */
export const METRIC: Readonly<Record<DescriptorForm["kind"], Readonly<Record<string, string>>>> = {
  binary: {},
  float: {
    metric: `alias element = vec4f;
alias measure = f32;
fn apart(a: element, b: element) -> measure {
  let difference = a - b;
  return dot(difference, difference);
}`,
  },
};

/** Elements of 16 bytes that a descriptor takes on the GPU. */
export function elementsOf(form: DescriptorForm): number {
  return Math.ceil((form.kind === "float" ? form.size * 4 : form.size) / 16);
}

/**
 * Descriptors as the kernels take them: each padded by zeros to whole elements of 16 bytes.
 *
 * @param into where to write them; if not given, new memory, or none if nothing is to be padded.
 */
export function packDescriptors(
  descriptors: Descriptors,
  form: DescriptorForm,
  into?: Uint8Array<ArrayBuffer>,
): Uint8Array<ArrayBuffer> {
  const bytes = new Uint8Array(descriptors.buffer, descriptors.byteOffset, descriptors.byteLength);
  const rowBytes = form.kind === "float" ? form.size * 4 : form.size;
  const stride = elementsOf(form) * 16;
  if (rowBytes === stride) return bytes;
  const rows = bytes.length / rowBytes;
  const out = into ?? new Uint8Array(rows * stride);
  for (let row = 0; row < rows; row++) {
    out.set(bytes.subarray(row * rowBytes, (row + 1) * rowBytes), row * stride);
  }
  return out.subarray(0, rows * stride);
}

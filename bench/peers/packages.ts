/**
 * The packages compared, at the versions that the figures are of. They are loaded by name while a side runs, so that
 * they are dependencies of nothing.
 *
 * @module
 */

/** Versions on npm. */
export const VERSIONS = {
  onnxRuntimeWeb: "1.30.0",
  onnxRuntimeNode: "1.30.0",
  tensorFlow: "4.22.0",
  jax: "0.1.25",
  jaxOnnx: "0.1.2",
} as const;

/** Loads a package; `T` is the part of it that is used. */
export async function load<T>(specifier: string): Promise<T> {
  return await import(specifier) as T;
}

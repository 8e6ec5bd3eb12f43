/**
 * Moving elements on the host, whatever their type.
 *
 * @module
 */
import { typedArray } from "../tensor/dtype.ts";
import { elementCount, type HostTensor, hostTensor } from "../tensor/host_tensor.ts";
import { denseView, type View } from "../tensor/view.ts";

/** A tensor of those elements of `x` that lie at `positions`, which are as many as the shape has. */
export function pickElements(
  x: HostTensor,
  shape: readonly number[],
  positions: Iterable<number>,
): HostTensor {
  const elements = typedArray(x.dtype, elementCount(shape)) as (number | bigint)[] & HostTensor["data"];
  let i = 0;
  for (const position of positions) elements[i++] = x.data[position]!;
  return hostTensor(x.dtype, shape, elements);
}

/** A dense host tensor as a view, by which its elements are walked. */
export function hostViewOf({ dtype, shape }: Pick<HostTensor, "dtype" | "shape">): View {
  return denseView(-1, dtype, shape, "linear");
}

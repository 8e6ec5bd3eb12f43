/**
 * The shape that ONNX's multidirectional broadcasting gives, or `undefined` if the shapes do not fit.
 *
 * @example
 * ```ts
 * import { assertEquals } from "@std/assert";
 * assertEquals(broadcastShapes([2, 1, 4], [3, 1]), [2, 3, 4]);
 * assertEquals(broadcastShapes([2], [3]), undefined);
 * ```
 */
export function broadcastShapes(...shapes: readonly (readonly number[])[]): number[] | undefined {
  const rank = Math.max(...shapes.map((shape) => shape.length));
  const result: number[] = [];
  for (let axis = 0; axis < rank; axis++) {
    let extent = 1;
    for (const shape of shapes) {
      const own = shape[axis - (rank - shape.length)] ?? 1;
      if (own === 1 || own === extent) continue;
      if (extent !== 1) return undefined;
      extent = own;
    }
    result.push(extent);
  }
  return result;
}

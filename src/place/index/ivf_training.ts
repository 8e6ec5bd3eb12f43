import type { Device } from "../../gpu/mod.ts";
import { GpuAssigner } from "../vocabulary/assigner.ts";
import type { DescriptorForm } from "../vocabulary/descriptors.ts";
import { groupsOf } from "../vocabulary/k_means.ts";
import { putMean } from "../vocabulary/means.ts";
import type { DescriptorMetric } from "./packing.ts";

/** Descriptors that are assigned at once. */
const PIECE = 1 << 16;

/** The most centres that descriptors can be assigned to in one go: an invocation looks at all of them. */
export function mostLists(dimensions: number): number {
  return Math.floor(65534 / (Math.ceil(dimensions / 4) + 1));
}

/** The nearest centre of each descriptor, by squared Euclidean distance. */
export async function nearestCentres(
  device: Device,
  descriptors: Float32Array<ArrayBuffer>,
  centres: Float32Array<ArrayBuffer>,
  dimensions: number,
): Promise<Uint32Array<ArrayBuffer>> {
  const form: DescriptorForm = { kind: "float", size: dimensions };
  const lists = centres.length / dimensions;
  const nearest = new Uint32Array(descriptors.length / dimensions);
  for (let row = 0; row < nearest.length; row += PIECE) {
    const part = descriptors.subarray(row * dimensions, (row + PIECE) * dimensions);
    using assigner = new GpuAssigner(device, part, form, lists);
    assigner.setGroups(new Uint32Array(part.length / dimensions));
    await assigner.assign({ rows: centres, sizes: Uint32Array.of(lists) }, 0, lists, true);
    nearest.set(assigner.nearest, row);
  }
  return nearest;
}

/**
 * Centres by Lloyd's rounds from random descriptors. A centre that loses its members becomes the descriptor that is
 * farthest from its own. For inner products centres are of unit length (spherical k-means: Dhillon and Modha, 2001), so that
 * the nearest one is that of the largest inner product.
 *
 * @param sample at least as many descriptors as centres.
 */
export async function trainCentres(
  device: Device,
  sample: Float32Array<ArrayBuffer>,
  options: {
    dimensions: number;
    lists: number;
    metric: DescriptorMetric;
    iterations: number;
    random: () => number;
  },
): Promise<Float32Array<ArrayBuffer>> {
  const { dimensions, lists, metric, iterations, random } = options;
  const form: DescriptorForm = { kind: "float", size: dimensions };
  const rows = sample.length / dimensions;
  const centres = new Float32Array(lists * dimensions);
  const rowOf = (row: number): Float32Array => sample.subarray(row * dimensions, (row + 1) * dimensions);
  const left = Uint32Array.from({ length: rows }, (_, i) => i);
  for (let list = 0; list < lists; list++) {
    const at = list + Math.floor(random() * (rows - list));
    const row = left[at]!;
    left[at] = left[list]!;
    centres.set(rowOf(row), list * dimensions);
  }
  if (metric === "inner_product") normalizeRows(centres, dimensions);
  using assigner = new GpuAssigner(device, sample, form, lists);
  assigner.setGroups(new Uint32Array(rows));
  for (let round = 0; round < iterations; round++) {
    await assigner.assign({ rows: centres, sizes: Uint32Array.of(lists) }, 0, lists, true);
    const { order, starts } = groupsOf(assigner.nearest, lists);
    const farthest = Array.from(order).sort((a, b) => assigner.distances[b]! - assigner.distances[a]!);
    for (let list = 0, lost = 0; list < lists; list++) {
      const members = order.subarray(starts[list], starts[list + 1]);
      if (members.length > 0) putMean(sample, form, members, centres, list);
      else centres.set(rowOf(farthest[lost++ % rows]!), list * dimensions);
    }
    if (metric === "inner_product") normalizeRows(centres, dimensions);
  }
  return centres;
}

function normalizeRows(rows: Float32Array, dimensions: number): void {
  for (let at = 0; at < rows.length; at += dimensions) {
    const length = Math.hypot(...rows.subarray(at, at + dimensions));
    if (length > 0) { for (let i = at; i < at + dimensions; i++) rows[i]! /= length; }
  }
}

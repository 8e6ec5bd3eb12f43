import { VocabularyError } from "../vocabulary/errors.ts";

/**
 * One image's part of the direct index: which of its features passed each node, so that two images' features are compared
 * only where they passed the same one (Gálvez-López and Tardós, 2012).
 */
export interface FeatureNodes {
  /** Nodes that features passed, ascending. */
  readonly nodes: Uint32Array<ArrayBuffer>;
  /** The features of `nodes[i]` are at `starts[i]` to `starts[i + 1] - 1`. */
  readonly starts: Uint32Array<ArrayBuffer>;
  /** Numbers of features, node by node, ascending within each. */
  readonly features: Uint32Array<ArrayBuffer>;
}

/**
 * Sorts features by the node that each passed.
 *
 * @param nodes the node of each feature.
 * @param keep which features are taken: those with a word that is not stopped. All, if not given.
 */
export function featureNodes(nodes: Uint32Array, keep?: (feature: number) => boolean): FeatureNodes {
  let features = Uint32Array.from(nodes.keys());
  if (keep) features = features.filter(keep);
  features.sort((a, b) => nodes[a]! - nodes[b]! || a - b);
  const ids: number[] = [];
  const starts: number[] = [];
  for (const [at, feature] of features.entries()) {
    const node = nodes[feature]!;
    if (at > 0 && ids.at(-1) === node) continue;
    ids.push(node);
    starts.push(at);
  }
  starts.push(features.length);
  return { nodes: Uint32Array.from(ids), starts: Uint32Array.from(starts), features };
}

/** The features of two images that passed the same node, node by node: what is worth comparing. */
export function* sharedNodes(
  a: FeatureNodes,
  b: FeatureNodes,
): Generator<[featuresOfA: Uint32Array<ArrayBuffer>, featuresOfB: Uint32Array<ArrayBuffer>]> {
  let j = 0;
  for (const [i, node] of a.nodes.entries()) {
    while (j < b.nodes.length && b.nodes[j]! < node) j++;
    if (b.nodes[j] === node) yield [featuresOf(a, i), featuresOf(b, j)];
  }
}

function featuresOf({ starts, features }: FeatureNodes, i: number): Uint32Array<ArrayBuffer> {
  return features.subarray(starts[i], starts[i + 1]);
}

/** Refuses what {@linkcode featureNodes} does not make. @throws {VocabularyError} */
export function checkFeatureNodes({ nodes, starts, features }: FeatureNodes): void {
  const ascending = (list: Uint32Array): boolean => list.every((value, i) => i === 0 || list[i - 1]! < value);
  if (
    starts.length !== nodes.length + 1 || starts[0] !== 0 || starts.at(-1) !== features.length ||
    !ascending(nodes) || !ascending(starts)
  ) {
    throw new VocabularyError(
      `Bad direct index: ${nodes.length} nodes, ${starts.length} starts and ${features.length} features do not fit; make ` +
        `it with featureNodes()`,
    );
  }
}

/**
 * Every operator that the engine knows.
 *
 * @module
 */
import type { Node } from "./node.ts";
import { affineGrid } from "./affine_grid.ts";
import { argOperators } from "./arg.ts";
import { col2im } from "./col2im.ts";
import { compress } from "./compress.ts";
import { concat } from "./concat.ts";
import { convOperators } from "./conv.ts";
import { depthwisePointwise } from "./conv_pair.ts";
import { convTranspose } from "./conv_transpose.ts";
import { deformConv } from "./deform_conv.ts";
import { centerCropPad } from "./crop.ts";
import { cumulativeSum } from "./cumulative_sum.ts";
import { depthSpaceOperators } from "./depth_space.ts";
import { einsum } from "./einsum.ts";
import { elementwiseOperators } from "./elementwise.ts";
import { gatherOperators } from "./gather.ts";
import { gemmOperators } from "./gemm.ts";
import { globalPoolOperators } from "./global_pool.ts";
import { gridSample } from "./grid_sample.ts";
import { lrn } from "./lrn.ts";
import { maxUnpool } from "./max_unpool.ts";
import { normalizationOperators } from "./normalization.ts";
import { nonMaxSuppression } from "./non_max_suppression.ts";
import { nonZero } from "./non_zero.ts";
import { oneHot } from "./one_hot.ts";
import type { Operator } from "./operator.ts";
import { pad } from "./pad.ts";
import { poolOperators } from "./pool.ts";
import { quantizeOperators } from "./quantize.ts";
import { quantizedConvOperators } from "./quantized_conv.ts";
import { quantizedGemmOperators } from "./quantized_gemm.ts";
import { quantizedMicrosoftOperators } from "./quantized_microsoft.ts";
import { expandedQuantizedOperators } from "./quantized_expanded.ts";
import { quantizedPoolOperators } from "./quantized_pool.ts";
import { reduceOperators } from "./reduce.ts";
import { resizeOperators } from "./resize.ts";
import { roiOperators } from "./roi_align.ts";
import { reverseSequence } from "./reverse_sequence.ts";
import { scatterOperators } from "./scatter.ts";
import { shapeOperators } from "./shape.ts";
import { softmaxOperators } from "./softmax.ts";
import { tile } from "./tile.ts";
import { topK } from "./top_k.ts";
import { trilu } from "./trilu.ts";
import { viewOperators } from "./views.ts";

const OPERATORS: ReadonlyMap<string, Operator> = new Map(
  [
    affineGrid,
    ...argOperators,
    compress,
    concat,
    col2im,
    ...convOperators,
    convTranspose,
    deformConv,
    centerCropPad,
    cumulativeSum,
    ...depthSpaceOperators,
    depthwisePointwise,
    einsum,
    ...elementwiseOperators,
    ...gatherOperators,
    ...gemmOperators,
    ...globalPoolOperators,
    gridSample,
    lrn,
    maxUnpool,
    ...normalizationOperators,
    nonMaxSuppression,
    nonZero,
    oneHot,
    pad,
    ...poolOperators,
    ...quantizeOperators,
    ...quantizedConvOperators,
    ...quantizedGemmOperators,
    ...quantizedMicrosoftOperators,
    ...expandedQuantizedOperators,
    ...quantizedPoolOperators,
    ...reduceOperators,
    ...resizeOperators,
    ...softmaxOperators,
    ...roiOperators,
    reverseSequence,
    ...scatterOperators,
    ...shapeOperators,
    tile,
    topK,
    trilu,
    ...viewOperators,
  ].map((operator) => [`${operator.domain ?? ""}/${operator.op}`, operator]),
);

/** The operator of a node, or `undefined` if it is not known. */
export function findOperator(node: Pick<Node, "op" | "domain">): Operator | undefined {
  const domain = node.domain === "ai.onnx" ? "" : node.domain;
  return OPERATORS.get(`${domain}/${node.op}`);
}

/** Operators that no file holds: passes make them of others. */
export const MADE_BY_PASSES: ReadonlySet<string> = new Set([
  "DepthwisePointwise",
  "NormalizeGroups",
  "NormalizeRows",
  "Pointwise",
  "QuantisedTable",
  "Silu",
]);

/** All operators, by domain and name. */
export function allOperators(): Operator[] {
  return [...OPERATORS.values()];
}

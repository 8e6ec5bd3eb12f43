/**
 * Every operator that the engine knows.
 *
 * @module
 */
import type { Node } from "./node.ts";
import { argOperators } from "./arg.ts";
import { concat } from "./concat.ts";
import { convOperators } from "./conv.ts";
import { convTranspose } from "./conv_transpose.ts";
import { deformConv } from "./deform_conv.ts";
import { elementwiseOperators } from "./elementwise.ts";
import { gatherOperators } from "./gather.ts";
import { gemmOperators } from "./gemm.ts";
import { globalPoolOperators } from "./global_pool.ts";
import { lrn } from "./lrn.ts";
import { maxUnpool } from "./max_unpool.ts";
import { normalizationOperators } from "./normalization.ts";
import type { Operator } from "./operator.ts";
import { pad } from "./pad.ts";
import { poolOperators } from "./pool.ts";
import { quantizeOperators } from "./quantize.ts";
import { quantizedConvOperators } from "./quantized_conv.ts";
import { quantizedGemmOperators } from "./quantized_gemm.ts";
import { reduceOperators } from "./reduce.ts";
import { resizeOperators } from "./resize.ts";
import { scatterOperators } from "./scatter.ts";
import { shapeOperators } from "./shape.ts";
import { softmaxOperators } from "./softmax.ts";
import { topK } from "./top_k.ts";
import { viewOperators } from "./views.ts";

const OPERATORS: ReadonlyMap<string, Operator> = new Map(
  [
    ...argOperators,
    concat,
    ...convOperators,
    convTranspose,
    deformConv,
    ...elementwiseOperators,
    ...gatherOperators,
    ...gemmOperators,
    ...globalPoolOperators,
    lrn,
    maxUnpool,
    ...normalizationOperators,
    pad,
    ...poolOperators,
    ...quantizeOperators,
    ...quantizedConvOperators,
    ...quantizedGemmOperators,
    ...reduceOperators,
    ...resizeOperators,
    ...softmaxOperators,
    ...scatterOperators,
    ...shapeOperators,
    topK,
    ...viewOperators,
  ].map((operator) => [`${operator.domain ?? ""}/${operator.op}`, operator]),
);

/** The operator of a node, or `undefined` if it is not known. */
export function findOperator(node: Pick<Node, "op" | "domain">): Operator | undefined {
  const domain = node.domain === "ai.onnx" ? "" : node.domain;
  return OPERATORS.get(`${domain}/${node.op}`);
}

/** All operators, by domain and name. */
export function allOperators(): Operator[] {
  return [...OPERATORS.values()];
}

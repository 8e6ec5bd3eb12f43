/**
 * Which kernels were timed: a fingerprint of the texts of all that there is a choice among.
 *
 * @module
 */
import DEPTHWISE from "../../../shaders/conv/depthwise.wgsl" with { type: "text" };
import PAIR from "../../../shaders/conv/depthwise_pointwise.wgsl" with { type: "text" };
import KEEPING_PAIR from "../../../shaders/conv/depthwise_stationary.wgsl" with { type: "text" };
import DIRECT from "../../../shaders/conv/direct.wgsl" with { type: "text" };
import GEMM_TILED from "../../../shaders/conv/gemm_tiled.wgsl" with { type: "text" };
import IMPLICIT_GEMM from "../../../shaders/conv/implicit_gemm.wgsl" with { type: "text" };
import STATIONARY from "../../../shaders/conv/stationary.wgsl" with { type: "text" };
import WINOGRAD_INPUT_2 from "../../../shaders/conv/winograd_input_2x2.wgsl" with { type: "text" };
import WINOGRAD_INPUT_4 from "../../../shaders/conv/winograd_input_4x4.wgsl" with { type: "text" };
import WINOGRAD_OUTPUT_2 from "../../../shaders/conv/winograd_output_2x2.wgsl" with { type: "text" };
import WINOGRAD_OUTPUT_4 from "../../../shaders/conv/winograd_output_4x4.wgsl" with { type: "text" };
import WINOGRAD_PRODUCT from "../../../shaders/conv/winograd_product.wgsl" with { type: "text" };
import REGISTER from "../../../shaders/gemm/register.wgsl" with { type: "text" };
import SUBGROUP from "../../../shaders/gemm/subgroup.wgsl" with { type: "text" };
import TILED from "../../../shaders/gemm/tiled.wgsl" with { type: "text" };
import CONV_PACKED from "../../../shaders/quantize/conv_packed.wgsl" with { type: "text" };
import config from "../../../deno.json" with { type: "json" };

const TEXTS = [
  DEPTHWISE,
  PAIR,
  KEEPING_PAIR,
  DIRECT,
  GEMM_TILED,
  IMPLICIT_GEMM,
  STATIONARY,
  WINOGRAD_INPUT_2,
  WINOGRAD_INPUT_4,
  WINOGRAD_OUTPUT_2,
  WINOGRAD_OUTPUT_4,
  WINOGRAD_PRODUCT,
  REGISTER,
  SUBGROUP,
  TILED,
  CONV_PACKED,
];

let revision: string | undefined;

/** The engine's version, and a fingerprint of its kernels (FNV-1a of their texts): `0.1.0, kernels 2f1ac4d8`. */
export function kernelRevision(): string {
  if (revision !== undefined) return revision;
  let hash = 0x811c9dc5;
  for (const text of TEXTS) {
    for (let i = 0; i < text.length; i++) hash = Math.imul(hash ^ text.charCodeAt(i), 0x01000193);
  }
  return revision = `${config.version}, kernels ${(hash >>> 0).toString(16).padStart(8, "0")}`;
}

import { attr } from "../../ops/attribute.ts";
import type { Node } from "../../ops/node.ts";
import { padsAreGiven } from "../../ops/window.ts";
import { isFloat } from "../../tensor/dtype.ts";
import { type HostTensor, hostTensor, toFloat32 } from "../../tensor/host_tensor.ts";
import type { SpecialisedGraph } from "../specialise.ts";
import { type AxisSlice, readSlices } from "./slice.ts";

/** An image whose pixels are dealt out to channels: block by block, `phases[i]` going to the i-th group of channels. */
interface Dealt {
  source: string;
  block: readonly [h: number, w: number];
  phases: readonly (readonly [h: number, w: number])[];
}

/**
 * Takes out the step from space to depth before a convolution (YOLO's "Focus": every second row and column of an image,
 * four times, joined along the channels): a convolution of k x k over blocks of s x s is one of sk x sk pixels with
 * strides and padding s times as large, and the same weights in another order.
 */
export function foldFocus({ graph, types }: SpecialisedGraph): void {
  const producers = graph.producers();
  for (const conv of graph.nodes) {
    const weights = graph.constants.get(conv.inputs[1] ?? "");
    if (!weights || !isFloat(weights.dtype) || !convolvesPlainly(conv)) continue;
    const dealt = readDealt(producers.get(conv.inputs[0]!));
    if (!dealt) continue;
    const tensor = pixelWeights(weights, dealt);
    const name = graph.addConstant(`${conv.name} weights for pixels`, tensor);
    types.set(name, tensor);
    const [blockH, blockW] = dealt.block;
    const scaled = (attribute: string, fallback: readonly number[]): void => {
      const value = attr.ints(conv, attribute, fallback).map((one, i) =>
        one * (i % 2 === 0 ? blockH : blockW)
      );
      conv.attributes.set(attribute, { type: "ints", value });
    };
    scaled("strides", [1, 1]);
    scaled("pads", [0, 0, 0, 0]);
    conv.attributes.set("kernel_shape", { type: "ints", value: tensor.shape.slice(2) });
    conv.inputs = [dealt.source, name, ...conv.inputs.slice(2)];
  }
  graph.removeDeadNodes();

  function readDealt(concat: Node | undefined): Dealt | undefined {
    if (concat?.op !== "Concat" || concat.inputs.length < 2) return undefined;
    const { shape } = types.get(concat.outputs[0]!)!;
    if (shape.length !== 4 || ![1, -3].includes(attr.int(concat, "axis", 1))) return undefined;
    const parts = concat.inputs.map((name) => {
      const slice = producers.get(name);
      const taken = readSlices(slice, graph);
      if (!slice || !taken || taken.some(({ axis }) => axis < 2)) return undefined;
      const along = (axis: number): AxisSlice =>
        taken.find((one) => one.axis === axis) ?? { axis, start: 0, count: shape[axis]!, step: 1 };
      return { source: slice.inputs[0]!, rows: along(2), columns: along(3) };
    });
    const first = parts[0];
    if (!first) return undefined;
    const block = [first.rows.step, first.columns.step] as const;
    const source = types.get(first.source)!.shape;
    // Every pixel of every block must be taken, or weights of zero would be multiplied in vain.
    if (parts.length !== block[0] * block[1]) return undefined;
    const phases: [number, number][] = [];
    for (const part of parts) {
      const whole = part && part.source === first.source &&
        part.rows.step === block[0] && part.columns.step === block[1] &&
        part.rows.start < block[0] && part.columns.start < block[1] &&
        part.rows.count * block[0] === source[2] && part.columns.count * block[1] === source[3];
      if (!whole) return undefined;
      phases.push([part.rows.start, part.columns.start]);
    }
    return { source: first.source, block, phases };
  }
}

function convolvesPlainly(node: Node): boolean {
  return node.op === "Conv" && attr.int(node, "group", 1) === 1 && padsAreGiven(node) &&
    attr.ints(node, "dilations", [1, 1]).every((dilation) => dilation === 1);
}

/** `[outputs, phases * channels, kh, kw]` as `[outputs, channels, kh * blockH, kw * blockW]`. */
function pixelWeights(weights: HostTensor, { block: [blockH, blockW], phases }: Dealt): HostTensor {
  const [outputs, inputs, kh, kw] = weights.shape as [number, number, number, number];
  const channels = inputs / phases.length;
  const [tall, wide] = [kh * blockH, kw * blockW];
  const data = toFloat32(weights);
  const spread = new Float32Array(outputs * channels * tall * wide);
  let from = 0;
  for (let output = 0; output < outputs; output++) {
    for (const [phaseH, phaseW] of phases) {
      for (let channel = 0; channel < channels; channel++) {
        const plane = (output * channels + channel) * tall * wide;
        for (let row = 0; row < kh; row++) {
          for (let column = 0; column < kw; column++) {
            const to = plane + (row * blockH + phaseH) * wide + column * blockW + phaseW;
            // Two groups of channels may hold the same pixel.
            spread[to] = spread[to]! + data[from++]!;
          }
        }
      }
    }
  }
  return hostTensor(weights.dtype, [outputs, channels, tall, wide], spread);
}

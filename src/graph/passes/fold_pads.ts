import { attr } from "../../ops/attribute.ts";
import type { Node } from "../../ops/node.ts";
import { NodeContext } from "../../ops/operator.ts";
import { padsAreGiven } from "../../ops/window.ts";
import type { SpecialisedGraph } from "../specialise.ts";

/** Takes a Pad with zeros around an image into the padding of the convolution or the average behind it. */
export function foldPads({ graph, types }: SpecialisedGraph): void {
  const producers = graph.producers();
  for (const node of graph.nodes) {
    const pad = producers.get(node.inputs[0] ?? "");
    if (!pad || !takesZeros(node)) continue;
    const amounts = zeroPads(pad);
    if (!amounts) continue;
    const own = attr.ints(node, "pads", new Array(amounts.length).fill(0));
    node.attributes.set("pads", { type: "ints", value: own.map((amount, i) => amount + amounts[i]!) });
    if (node.op === "AveragePool") node.attributes.set("count_include_pad", { type: "int", value: 1 });
    node.inputs = [pad.inputs[0]!, ...node.inputs.slice(1)];
  }
  graph.removeDeadNodes();

  /** The amounts by which rows and columns are padded, before and then behind; `undefined` for any other padding. */
  function zeroPads(node: Node): number[] | undefined {
    if (node.op !== "Pad" || attr.string(node, "mode", "constant") !== "constant") return undefined;
    const context = new NodeContext(node, graph.opset(node), types, graph.constants);
    const rank = context.shape(0).length;
    const old = context.opset < 11;
    if (!old && [1, 2, 3].some((index) => context.has(index) && !context.constant(index))) return undefined;
    const fill = old ? attr.float(node, "value", 0) : context.numbers(2, "constant_value")?.[0] ?? 0;
    const pads = old ? [...attr.ints(node, "pads")] : context.numbers(1, "pads")!;
    // A list of axes is rare enough to be left to the kernel.
    if (fill !== 0 || context.has(3) || pads.length !== rank * 2 || pads.some((amount) => amount < 0)) {
      return undefined;
    }
    const changesOthers = [0, 1, rank, rank + 1].some((at) => pads[at] !== 0);
    return changesOthers ? undefined : [...pads.slice(2, rank), ...pads.slice(rank + 2)];
  }
}

/** Whether zeros around the input may as well be counted as padding. */
function takesZeros(node: Node): boolean {
  if (!padsAreGiven(node)) return false;
  if (node.op === "Conv") return true;
  if (node.op !== "AveragePool" || attr.int(node, "ceil_mode", 0) !== 0) return false;
  return attr.int(node, "count_include_pad", 0) === 1 ||
    attr.ints(node, "pads", []).every((amount) => amount === 0);
}

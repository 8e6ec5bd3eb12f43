/**
 * Layers whose weights are written down rather than trained. Tensors carry the names of their channels, so that a
 * layer reads as the formula that it computes.
 */
import { node, type NodeSpec } from "../../tests/support/onnx_builder.ts";
import { type HostTensor, hostTensor } from "../../src/tensor/host_tensor.ts";

/** A tensor of the network: its name and its channels, NCHW. */
export interface Maps {
  readonly name: string;
  readonly channels: readonly string[];
}

/** A sum of channels: coefficient by channel name, and a constant under `""`. */
export type Formula = Readonly<Record<string, number>>;

/** Adds formulas. */
export function sum(...formulas: readonly Formula[]): Formula {
  const total: Record<string, number> = {};
  for (const formula of formulas) {
    for (const [channel, value] of Object.entries(formula)) total[channel] = (total[channel] ?? 0) + value;
  }
  return total;
}

/** Multiplies a formula. */
export function times(by: number, formula: Formula): Formula {
  return Object.fromEntries(Object.entries(formula).map(([channel, value]) => [channel, by * value]));
}

/** Weight of one tap: from an input channel to an output channel at (row, column) of the kernel. */
export type Tap = (output: string, input: string, row: number, column: number) => number;

/** Extent and step of a window. */
export interface Window {
  readonly kernel: readonly [height: number, width: number];
  readonly stride?: number;
  /** Begin and end alike. */
  readonly pads?: readonly [vertical: number, horizontal: number];
}

/** A network under construction: nodes in order and the constants they read. */
export class Layers {
  readonly nodes: NodeSpec[] = [];
  readonly constants: Record<string, HostTensor> = {};

  /** A 1x1 convolution that computes one formula a channel. */
  linear(name: string, input: Maps, formulas: Readonly<Record<string, Formula>>): Maps {
    for (const [output, formula] of Object.entries(formulas)) {
      for (const channel of Object.keys(formula)) {
        if (channel !== "" && !input.channels.includes(channel)) {
          throw new Error(
            `Layer "${name}": "${output}" reads "${channel}", which "${input.name}" does not have`,
          );
        }
      }
    }
    return this.conv(
      name,
      input,
      Object.keys(formulas),
      { kernel: [1, 1] },
      (output, channel) => formulas[output]?.[channel] ?? 0,
      (output) => formulas[output]?.[""] ?? 0,
    );
  }

  /** A convolution. */
  conv(
    name: string,
    input: Maps,
    channels: readonly string[],
    window: Window,
    tap: Tap,
    bias: (output: string) => number = () => 0,
  ): Maps {
    const [height, width] = window.kernel;
    const weights: number[] = [];
    for (const output of channels) {
      for (const channel of input.channels) {
        for (let row = 0; row < height; row++) {
          for (let column = 0; column < width; column++) weights.push(tap(output, channel, row, column));
        }
      }
    }
    const shape = [channels.length, input.channels.length, height, width];
    this.constants[`${name}.weight`] = hostTensor("f32", shape, weights);
    this.constants[`${name}.bias`] = hostTensor("f32", [channels.length], channels.map(bias));
    return this.#add(
      "Conv",
      name,
      [input.name, `${name}.weight`, `${name}.bias`],
      channels,
      windowOf(window),
    );
  }

  /** max(x, 0) */
  relu(input: Maps): Maps {
    return this.#add("Relu", `${input.name}.relu`, [input.name], input.channels);
  }

  /** x limited to the range. */
  clip(input: Maps, from: number, to: number): Maps {
    const constant = (value: number): string => {
      const name = `constant.${value}`;
      this.constants[name] = hostTensor("f32", [], [value]);
      return name;
    };
    return this.#add(
      "Clip",
      `${input.name}.clip`,
      [input.name, constant(from), constant(to)],
      input.channels,
    );
  }

  /** The natural logarithm. */
  log(input: Maps): Maps {
    return this.#add("Log", `${input.name}.log`, [input.name], input.channels);
  }

  /** Mean over a window. */
  averagePool(name: string, input: Maps, window: Window): Maps {
    return this.#add("AveragePool", name, [input.name], input.channels, windowOf(window));
  }

  /** Largest value in a window. */
  maxPool(name: string, input: Maps, window: Window): Maps {
    return this.#add("MaxPool", name, [input.name], input.channels, windowOf(window));
  }

  /** a * b, element by element; the result has a's channels. */
  mul(name: string, a: Maps, b: Maps): Maps {
    return this.#pair("Mul", name, a, b);
  }

  /** a / b, element by element. */
  div(name: string, a: Maps, b: Maps): Maps {
    return this.#pair("Div", name, a, b);
  }

  /** Channels one after the other. */
  concat(name: string, ...inputs: readonly Maps[]): Maps {
    const names = inputs.map((input) => input.name);
    return this.#add("Concat", name, names, inputs.flatMap((input) => input.channels), { axis: 1 });
  }

  /** Maps of rows x columns as rows x (rows * columns): YOLOX's flat list of cells. */
  flatten(name: string, input: Maps): Maps {
    this.constants[`${name}.shape`] = hostTensor("i64", [3], [1, input.channels.length, -1]);
    return this.#add("Reshape", name, [input.name, `${name}.shape`], input.channels);
  }

  /** Joins flattened maps and turns them: the output, 1 x cells x channels. */
  output(name: string, inputs: readonly Maps[]): void {
    this.nodes.push(
      node("Concat", inputs.map((input) => input.name), ["cells"], { axis: 2 }, { name: "cells" }),
      node("Transpose", ["cells"], [name], { perm: [0, 2, 1] }, { name }),
    );
  }

  #pair(op: string, name: string, a: Maps, b: Maps): Maps {
    if (a.channels.length !== b.channels.length) {
      throw new Error(`Layer "${name}": ${a.channels.length} channels against ${b.channels.length}`);
    }
    return this.#add(op, name, [a.name, b.name], a.channels);
  }

  #add(
    op: string,
    name: string,
    inputs: readonly string[],
    channels: readonly string[],
    attributes: Readonly<Record<string, readonly number[] | number>> = {},
  ): Maps {
    this.nodes.push(node(op, inputs, [name], attributes, { name }));
    return { name, channels };
  }
}

function windowOf({ kernel, stride = 1, pads = [0, 0] }: Window): Record<string, readonly number[]> {
  return { kernel_shape: kernel, strides: [stride, stride], pads: [...pads, ...pads] };
}

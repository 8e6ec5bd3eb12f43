/**
 * Convolution, pooling, and other operators of images.
 *
 * @module
 */
import { hostTensor } from "../../src/tensor/host_tensor.ts";
import type { AttributeSpec } from "../../tests/support/onnx_builder.ts";
import type { Draw, Operand } from "./draw.ts";
import { type Generator, generator, microsoft } from "./generator.ts";

/** How a window moves over an image, with the attributes that say so. */
export interface Window {
  spatial: number;
  kernel: number[];
  strides: number[];
  dilations: number[];
  pads: number[];
  /** What the window covers of each axis. */
  reach: number[];
  attributes: Record<string, AttributeSpec>;
}

/** Draws a window: of one to three dimensions, strided, dilated, padded by numbers or by a rule. */
export function drawWindow(
  d: Draw,
  { most = 5, dilated = true, rules = true, spatial = d.chance(0.7) ? 2 : d.pick([1, 3]), overlap = false } =
    {},
): Window {
  const each = (draw: () => number): number[] => Array.from({ length: spatial }, draw);
  const size = d.int(1, spatial === 3 ? Math.min(3, most) : most);
  const kernel = d.chance(0.7) ? each(() => size) : each(() => d.int(1, spatial === 3 ? 3 : most));
  const strides = d.chance(0.5) ? each(() => 1) : each(() => d.int(1, 3));
  const dilations = dilated && d.chance(0.3) ? each(() => d.int(1, 3)) : each(() => 1);
  const reach = kernel.map((extent, i) => (extent - 1) * dilations[i]! + 1);
  const attributes: Record<string, AttributeSpec> = {};
  if (d.chance(0.6) || strides.some((x) => x > 1)) attributes.strides = strides;
  if (dilations.some((x) => x > 1)) attributes.dilations = dilations;
  let pads = new Array<number>(2 * spatial).fill(0);
  if (rules && d.chance(0.25) && dilations.every((x) => x === 1)) {
    attributes.auto_pad = d.pick(["SAME_UPPER", "SAME_LOWER", "VALID", "NOTSET"]);
  } else if (d.chance(0.7)) {
    const bound = (i: number): number =>
      overlap ? Math.min(kernel[i % spatial]! - 1, 2) : Math.min(reach[i % spatial]!, 3);
    pads = pads.map((_, i) => d.int(0, Math.max(0, bound(i))));
    attributes.pads = pads;
  }
  return { spatial, kernel, strides, dilations, pads, reach, attributes };
}

/** An image that the window fits into. */
export function imageFor(d: Draw, { spatial, reach }: Window, channels: number): number[] {
  const most = spatial === 1 ? 40 : spatial === 2 ? 14 : 6;
  return [d.chance(0.7) ? 1 : 2, channels, ...reach.map((extent) => d.int(extent, Math.max(extent, most)))];
}

/** Channels by groups: none, some, or one a channel. */
export function drawChannels(d: Draw): { group: number; inputs: number; outputs: number } {
  const kind = d.pick(["dense", "dense", "depthwise", "grouped"]);
  if (kind === "dense") return { group: 1, inputs: d.extent(1, 33), outputs: d.extent(1, 33) };
  if (kind === "depthwise") {
    const group = d.extent(1, 33);
    return { group, inputs: group, outputs: group * d.pick([1, 1, 2, 3]) };
  }
  const group = d.pick([2, 3, 4]);
  return { group, inputs: group * d.int(1, 8), outputs: group * d.int(1, 8) };
}

function convolution(d: Draw): ReturnType<Generator["draw"]> {
  const window = drawWindow(d);
  const { group, inputs, outputs } = drawChannels(d);
  const weights = d.floats([outputs, inputs / group, ...window.kernel], 0.5);
  return {
    operands: [
      d.operand(d.floats(imageFor(d, window, inputs)), 0.05),
      d.operand(weights, 0.85),
      ...(d.chance(0.6) ? [d.operand(d.floats([outputs]), 0.85)] : []),
    ],
    attributes: {
      ...window.attributes,
      ...(group > 1 || d.chance(0.3) ? { group } : {}),
      ...(d.chance(0.6) ? { kernel_shape: window.kernel } : {}),
    },
  };
}

/** Pooling: ceil_mode only where no window begins beyond the image and its padding at the start. */
function pooling(
  d: Draw,
  options: Parameters<typeof drawWindow>[1],
  rounding: boolean,
): { x: number[]; window: Window } {
  const window = drawWindow(d, { most: 4, overlap: true, ...options });
  window.attributes.kernel_shape = window.kernel;
  if (rounding && window.attributes.auto_pad === undefined && d.chance(0.4)) window.attributes.ceil_mode = 1;
  return { x: imageFor(d, window, d.extent(1, 20)), window };
}

/** The generators of this family. */
export const windowGenerators: readonly Generator[] = [
  generator("Conv", [7, 11, 22], convolution),
  microsoft("FusedConv", (d) => {
    const window = drawWindow(d, { spatial: 2 });
    const { group, inputs, outputs } = drawChannels(d);
    const activation = d.pick(["Relu", "Tanh", "Sigmoid", "LeakyRelu", "HardSigmoid", "Clip"]);
    const parameters = activation === "LeakyRelu"
      ? [0.1]
      : activation === "HardSigmoid"
      ? [0.25, 0.5]
      : [-0.5, 0.75];
    return {
      operands: [
        d.floats(imageFor(d, window, inputs)),
        { constant: d.floats([outputs, inputs / group, ...window.kernel], 0.5) },
        { constant: d.floats([outputs]) },
      ],
      attributes: {
        ...window.attributes,
        group,
        kernel_shape: window.kernel,
        activation,
        ...(["LeakyRelu", "HardSigmoid", "Clip"].includes(activation)
          ? { activation_params: { floats: parameters } }
          : {}),
      },
    };
  }),
  generator("ConvTranspose", [7, 11, 22], (d) => {
    const window = drawWindow(d, { rules: false, overlap: true, most: 4 });
    const { group, inputs, outputs } = drawChannels(d);
    const x = [
      d.chance(0.7) ? 1 : 2,
      inputs,
      ...window.kernel.map(() => d.int(2, window.spatial === 3 ? 4 : 7)),
    ];
    const perGroup = Math.max(1, Math.floor(outputs / group));
    const attributes = { ...window.attributes };
    const extra = window.strides.map((stride, i) => d.int(0, Math.max(stride, window.dilations[i]!) - 1));
    const kind = d.pick(["plain", "plain", "output_padding", "output_shape", "auto_pad"]);
    if (kind === "output_padding") attributes.output_padding = extra;
    if (kind === "output_shape") {
      delete attributes.pads;
      attributes.output_shape = window.strides.map((stride, i) =>
        stride * (x[2 + i]! - 1) + window.reach[i]! - d.int(0, Math.min(window.reach[i]! - 1, 2))
      );
    }
    if (kind === "auto_pad") {
      delete attributes.pads;
      attributes.auto_pad = d.pick(["SAME_UPPER", "SAME_LOWER", "VALID"]);
    }
    return {
      operands: [
        d.floats(x),
        d.operand(d.floats([inputs, perGroup, ...window.kernel], 0.5), 0.85),
        ...(d.chance(0.6) ? [d.operand(d.floats([perGroup * group]), 0.85)] : []),
      ],
      attributes: {
        ...attributes,
        ...(group > 1 ? { group } : {}),
        ...(d.chance(0.6) ? { kernel_shape: window.kernel } : {}),
      },
    };
  }),
  generator("DeformConv", [19, 22], (d) => {
    const window = drawWindow(d, { spatial: 2, rules: false, most: 3 });
    const { group, inputs, outputs } = drawChannels(d);
    const offsets = inputs % 2 === 0 && d.chance(0.4) ? 2 : 1;
    const x = imageFor(d, window, inputs);
    const out = [0, 1].map((i) =>
      Math.floor(
        (x[2 + i]! + window.pads[i]! + window.pads[i + 2]! - window.reach[i]!) / window.strides[i]!,
      ) + 1
    );
    const taps = window.kernel[0]! * window.kernel[1]!;
    // Offsets are kept off whole numbers and halves, at which neighbours change.
    const offset = d.between("f32", [x[0]!, 2 * offsets * taps, ...out], -1.5, 1.5);
    return {
      operands: [
        d.floats(x),
        d.operand(d.floats([outputs, inputs / group, ...window.kernel], 0.5), 0.8),
        offset,
        d.chance(0.5) ? d.operand(d.floats([outputs]), 0.8) : undefined,
        ...(d.chance(0.5) ? [d.between("f32", [x[0]!, offsets * taps, ...out], 0, 1)] : []),
      ],
      attributes: {
        ...window.attributes,
        kernel_shape: window.kernel,
        ...(group > 1 ? { group } : {}),
        ...(offsets > 1 ? { offset_group: offsets } : {}),
      },
      relative: 3e-4,
    };
  }),
  generator("Col2Im", [18], (d) => {
    // With dilation and several channels, ONNX Runtime is right over two dimensions alone (ONNX's reference is its judge).
    const spatial = d.chance(0.7) ? 2 : d.pick([1, 3]);
    const window = drawWindow(d, { rules: false, most: 3, spatial, dilated: spatial === 2 });
    const image = imageFor(d, window, 1).slice(2);
    const blocks = image.map((extent, i) =>
      Math.floor(
        (extent + window.pads[i]! + window.pads[i + window.spatial]! - window.reach[i]!) / window.strides[i]!,
      ) + 1
    );
    const product = (extents: readonly number[]): number => extents.reduce((a, b) => a * b, 1);
    return {
      operands: [
        d.floats([d.int(1, 2), d.int(1, 5) * product(window.kernel), product(blocks)]),
        d.list(image),
        d.list(window.kernel),
      ],
      attributes: window.attributes,
    };
  }),
  generator("MaxPool", [7, 8, 10, 11, 12, 22], (d) => {
    const { x, window } = pooling(d, { dilated: d.opset >= 10 }, d.opset >= 10);
    const bytes = d.opset >= 12 && d.chance(0.2);
    const two = d.opset >= 8 && d.chance(0.25) && window.attributes.auto_pad === undefined;
    return {
      operands: [bytes ? d.tensor(d.pick(["i8", "u8"]), x) : d.floats(x)],
      attributes: { ...window.attributes, ...(two && d.chance(0.3) ? { storage_order: 1 } : {}) },
      outputs: two ? 2 : 1,
    };
  }),
  generator("AveragePool", [7, 10, 11, 19, 22], (d) => {
    const { x, window } = pooling(d, { dilated: d.opset >= 19 }, d.opset >= 10);
    return {
      operands: [d.floats(x)],
      attributes: { ...window.attributes, ...(d.chance(0.4) ? { count_include_pad: d.int(0, 1) } : {}) },
    };
  }),
  generator("LpPool", [7, 11, 18, 22], (d) => {
    const { x, window } = pooling(d, { dilated: d.opset >= 18 }, d.opset >= 18);
    return {
      operands: [d.floats(x)],
      attributes: { ...window.attributes, ...(d.chance(0.6) ? { p: d.int(1, 3) } : {}) },
    };
  }),
  generator("GlobalAveragePool", [7, 22], (d) => ({ operands: [d.floats(d.image(d.int(1, 3)))] })),
  generator("GlobalMaxPool", [7, 22], (d) => ({ operands: [d.floats(d.image(d.int(1, 3)))] })),
  {
    op: "GlobalLpPool",
    opsets: [7],
    until: 21,
    draw: (d) => ({
      operands: [d.floats(d.image(d.int(1, 3)))],
      attributes: d.chance(0.6) ? { p: d.int(1, 3) } : {},
    }),
  },
  generator("MaxUnpool", [9, 11, 22], (d) => {
    const [n, c, h, w] = [d.int(1, 2), d.int(1, 6), d.int(1, 5), d.int(1, 5)];
    const strides = [d.int(1, 3), d.int(1, 3)], kernel = strides.map((stride) => stride + d.int(0, 1));
    const natural = [h, w].map((extent, i) => (extent - 1) * strides[i]! + kernel[i]!) as [number, number];
    const size = d.chance(0.3) ? natural.map((extent) => extent + d.int(0, 2)) as [number, number] : natural;
    const plane = natural[0] * natural[1];
    const values: number[] = [];
    // Each pooled value goes to a place of its own in its plane.
    for (let i = 0; i < n * c; i++) {
      values.push(
        ...d.shuffled(Array.from({ length: plane }, (_, k) => k)).slice(0, h * w).map((at) => i * plane + at),
      );
    }
    return {
      operands: [
        d.floats([n, c, h, w]),
        hostTensor("i64", [n, c, h, w], values),
        ...(size !== natural ? [d.list([n, c, ...size], "i64", 0)] : []),
      ],
      attributes: { kernel_shape: kernel, strides },
    };
  }),
  {
    op: "MaxRoiPool",
    opsets: [7],
    until: 21,
    draw(d) {
      const x = d.image(2, d.extent(1, 9), 4);
      const boxes = Array.from({ length: d.int(1, 5) }, () => {
        const [left, top] = [d.int(0, x[3]! - 1), d.int(0, x[2]! - 1)];
        return [d.int(0, x[0]! - 1), left, top, d.int(left, x[3]! + 1), d.int(top, x[2]! + 1)];
      });
      return {
        operands: [d.floats(x), d.operand(hostTensor("f32", [boxes.length, 5], boxes.flat()), 0.4)],
        attributes: { pooled_shape: [d.int(1, 4), d.int(1, 4)], spatial_scale: { float: d.pick([1, 0.5]) } },
      };
    },
  },
  generator("AffineGrid", [20], (d) => {
    const spatial = d.pick([2, 2, 3]);
    const size = [d.int(1, 2), d.int(1, 4), ...Array.from({ length: spatial }, () => d.int(2, 7))];
    return {
      operands: [d.operand(d.floats([size[0]!, spatial, spatial + 1]), 0.2), d.list(size)],
      attributes: d.chance(0.6) ? { align_corners: d.int(0, 1) } : {},
    };
  }),
  generator("LRN", [7, 13], (d) => ({
    operands: [d.floats(d.image())],
    attributes: {
      size: d.pick([1, 3, 5]),
      ...(d.chance(0.6) ? { alpha: { float: 0.01 }, beta: { float: 0.6 }, bias: { float: 1.5 } } : {}),
    },
  })),
  resize(),
  upsample(),
  generator("GridSample", [16, 20, 22], (d) => {
    const spatial = d.opset >= 20 && d.chance(0.2) ? 3 : 2;
    const x = d.image(spatial, d.extent(1, 9), 2);
    const out = Array.from({ length: spatial }, () => d.int(1, 7));
    const names = d.opset >= 20 ? ["linear", "nearest", "cubic"] : ["bilinear", "nearest", "bicubic"];
    const mode = d.pick(spatial === 3 ? names.slice(0, 2) : names);
    const corners = d.int(0, 1);
    const grid = d.between("f32", [x[0]!, ...out, spatial], -1.2, 1.2);
    if (mode === "nearest") awayFromHalves(grid.data as Float32Array, x.slice(2).toReversed(), corners === 1);
    return {
      operands: [d.floats(x), d.operand(grid, 0.3)],
      attributes: {
        ...(mode === names[0] && d.chance(0.5) ? {} : { mode }),
        ...(d.chance(0.7) ? { padding_mode: d.pick(["zeros", "border", "reflection"]) } : {}),
        ...(corners === 1 || d.chance(0.5) ? { align_corners: corners } : {}),
      },
      relative: 3e-4,
    };
  }),
  {
    op: "RoiAlign",
    opsets: [10, 16],
    until: 21,
    draw: (d) => {
      const x = d.image(2, d.extent(1, 9), 4);
      const count = d.int(1, 5);
      const boxes = Array.from({ length: count }, () => {
        const [left, top] = [d.uniform(0, 8), d.uniform(0, 8)];
        return [left, top, left + d.uniform(0.5, 12), top + d.uniform(0.5, 12)];
      }).flat();
      const ratio = d.int(0, 3);
      return {
        operands: [
          d.floats(x),
          d.operand(hostTensor("f32", [count, 4], boxes), 0.4),
          d.operand(d.whole("i64", [count], 0, x[0]! - 1), 0.4),
        ],
        attributes: {
          output_height: d.int(1, 5),
          output_width: d.int(1, 5),
          ...(ratio > 0 ? { sampling_ratio: ratio } : {}),
          spatial_scale: { float: d.pick([1, 0.5, 0.25]) },
          ...(d.chance(0.5) ? { mode: d.pick(["avg", "max"]) } : {}),
          ...(d.opset >= 16 && d.chance(0.6)
            ? { coordinate_transformation_mode: d.pick(["half_pixel", "output_half_pixel"]) }
            : {}),
        },
        relative: 3e-4,
      };
    },
  },
];

/** Moves places that are next to the middle between two pixels, where rounding goes either way. */
function awayFromHalves(grid: Float32Array, extents: readonly number[], corners: boolean): void {
  for (let i = 0; i < grid.length; i++) {
    const extent = extents[i % extents.length]!;
    const scale = corners ? (extent - 1) / 2 : extent / 2;
    const shift = corners ? (extent - 1) / 2 : (extent - 1) / 2;
    const at = grid[i]! * scale + shift;
    const fraction = at - Math.floor(at);
    if (Math.abs(fraction - 0.5) < 0.02) grid[i] = grid[i]! + 0.05 / scale;
  }
}

/** Factors that keep sampled places off ties: halves and thirds are exact in both engines. */
const FACTORS = [0.5, 0.75, 1, 1.25, 1.5, 2, 2.5, 3, 4];

function upsample(): Generator {
  return {
    op: "Upsample",
    opsets: [7, 9],
    until: 9,
    draw(d) {
      const x = d.image();
      const scales = [1, 1, d.pick([1, 2, 3, 1.5]), d.pick([1, 2, 3, 2.5])];
      const attributes: Record<string, AttributeSpec> = d.chance(0.7)
        ? { mode: d.pick(["nearest", "linear"]) }
        : {};
      return d.opset < 9
        ? { operands: [d.floats(x)], attributes: { ...attributes, scales: { floats: scales } } }
        : { operands: [d.floats(x), d.operand(hostTensor("f32", [4], scales), 0.85)], attributes };
    },
  };
}

function resize(): Generator {
  return generator("Resize", [10, 11, 13, 18, 19], (d) => {
    const spatial = d.chance(0.8) ? 2 : d.pick([1, 3]);
    const x = d.image(spatial, undefined, 2);
    const rank = x.length;
    const mode = d.pick(
      spatial === 2 && d.opset >= 11 ? ["nearest", "linear", "cubic"] : ["nearest", "linear"],
    );
    const factors = x.map((_, axis) => axis < 2 ? 1 : d.pick(FACTORS));
    const scales = hostTensor("f32", [rank], factors);
    if (d.opset === 10) {
      // ONNX Runtime copies what keeps its shape, whatever the scales.
      if (x.every((extent, axis) => Math.floor(extent * factors[axis]!) === extent)) scales.data.fill(1);
      return { operands: [d.floats(x), d.operand(scales, 0.85)], attributes: { mode } };
    }
    const transform = d.pick([
      "half_pixel",
      "asymmetric",
      "align_corners",
      "pytorch_half_pixel",
      ...(d.opset >= 19 ? ["half_pixel_symmetric"] : []),
      ...(d.chance(0.4) && mode !== "nearest" ? ["tf_crop_and_resize"] : []),
    ]);
    const crop = transform === "tf_crop_and_resize";
    const sizes = x.map((extent, axis) => {
      const size = axis < 2 ? extent : Math.max(1, Math.floor(extent * factors[axis]!));
      // ONNX Runtime does not crop an axis whose size stays.
      return crop && axis >= 2 && size === extent ? size + 1 : size;
    });
    // Given scales, ONNX crops the sizes, too, and aligns the corners of sizes with fractions; ONNX Runtime does neither.
    const fractions = x.some((extent, axis) => !Number.isInteger(extent * factors[axis]!));
    // It copies what keeps its shape, whatever the scales. Symmetric places of fractions come next to ties.
    const copied = sizes.every((size, axis) => size === x[axis]);
    const bySizes = crop || copied || d.chance(0.4) ||
      (fractions && ["align_corners", "half_pixel_symmetric"].includes(transform));
    const roi = crop
      ? hostTensor("f32", [2 * rank], [
        ...x.map((_, i) => i < 2 ? 0 : 0.125),
        ...x.map((_, i) => i < 2 ? 1 : 0.8125),
      ])
      : undefined;
    const antialias = d.opset >= 18 && mode !== "nearest" && !crop && spatial === 2 && d.chance(0.25);
    const attributes: Record<string, AttributeSpec> = { mode };
    if (transform !== "half_pixel" || d.chance(0.5)) attributes.coordinate_transformation_mode = transform;
    if (mode === "nearest" && d.chance(0.7)) {
      attributes.nearest_mode = d.pick(["round_prefer_floor", "round_prefer_ceil", "floor", "ceil"]);
    }
    if (mode === "cubic" && d.chance(0.5)) attributes.cubic_coeff_a = { float: -0.5 };
    if (mode === "cubic" && d.chance(0.3)) attributes.exclude_outside = 1;
    if (crop && d.chance(0.5)) attributes.extrapolation_value = { float: 2.5 };
    if (antialias) attributes.antialias = 1;
    const form = (values: readonly number[]): Operand =>
      bySizes ? d.list(values) : d.operand(hostTensor("f32", [values.length], [...values]), 0.85);
    const all = bySizes ? sizes : factors;
    if (d.opset >= 18 && !crop && d.chance(0.3)) {
      const axes = x.map((_, i) => i).slice(2);
      // ONNX Runtime keeps no aspect ratio of axes that are counted from the end.
      const keep = bySizes && d.chance(0.5);
      attributes.axes = keep ? axes : axes.map((axis) => d.signed(axis, rank));
      if (keep) attributes.keep_aspect_ratio_policy = d.pick(["stretch", "not_larger", "not_smaller"]);
      const list = form(all.slice(2));
      return { operands: [d.floats(x), undefined, ...(bySizes ? [undefined, list] : [list])], attributes };
    }
    const list = form(all);
    // Operator set 11 takes an empty list of scales where sizes are given.
    const none: Operand = d.opset < 13 ? { constant: hostTensor("f32", [0], []) } : undefined;
    const region: Operand = roi
      ? { constant: roi }
      : d.opset < 13
      ? { constant: hostTensor("f32", [0], []) }
      : undefined;
    return { operands: [d.floats(x), region, ...(bySizes ? [none, list] : [list])], attributes };
  });
}

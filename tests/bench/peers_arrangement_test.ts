import { assertEquals } from "@std/assert";
import type { Tensor, TensorFlow } from "../../bench/peers/tensorflow/api.ts";
import {
  arranged,
  CHANNELS_LAST,
  plain,
  rearranged,
  renamed,
  reshaped,
  shapeOf,
  type Value,
} from "../../bench/peers/tensorflow/arrangement.ts";
import { Random } from "../support/random.ts";

/** A tensor on the host, with as much of TensorFlow.js as moving elements takes. */
class HostTensor implements Tensor {
  readonly shape: number[];
  readonly elements: readonly number[];
  constructor(shape: readonly number[], elements: readonly number[]) {
    this.shape = [...shape];
    this.elements = elements;
  }
  data(): Promise<ArrayLike<number>> {
    return Promise.resolve(this.elements);
  }
  clone(): Tensor {
    return this;
  }
  dispose(): void {}
}

let transposes = 0;

const tf = {
  reshape: (x: HostTensor, shape: readonly number[]) => new HostTensor(shape, x.elements),
  transpose: (x: HostTensor, permutation: readonly number[]) => {
    transposes++;
    const shape = permutation.map((axis) => x.shape[axis]!);
    const elements = x.elements.map((_, index) => {
      const at: number[] = new Array(shape.length);
      permutation.reduceRight((rest, axis, p) => {
        at[axis] = rest % shape[p]!;
        return Math.floor(rest / shape[p]!);
      }, index);
      return x.elements[at.reduce((offset, i, axis) => offset * x.shape[axis]! + i, 0)]!;
    });
    return new HostTensor(shape, elements);
  },
} as unknown as TensorFlow;

function counted(shape: readonly number[]): HostTensor {
  return new HostTensor(shape, Array.from({ length: shape.reduce((a, b) => a * b, 1) }, (_, i) => i));
}

/** The elements in the network's order. */
function elementsOf(value: Value): readonly number[] {
  return (arranged(tf, value, plain(value.order.length)) as HostTensor).elements;
}

function channelsLast(x: HostTensor): Value {
  return {
    tensor: arranged(tf, { tensor: x, order: plain(4) }, CHANNELS_LAST),
    order: CHANNELS_LAST,
  };
}

Deno.test("peers: a detector's head, reshaped and transposed from channels last, moves nothing", () => {
  const value = channelsLast(counted([1, 5, 3, 4]));
  transposes = 0;
  const flat = reshaped(tf, value, [1, 5, 12]);
  const head = renamed(flat, [0, 2, 1]);
  assertEquals(shapeOf(head), [1, 12, 5]);
  assertEquals(transposes, 0);
  const elements = elementsOf(head);
  assertEquals(transposes, 0);
  assertEquals(
    elements,
    elementsOf({ tensor: tf.transpose(counted([1, 5, 12]), [0, 2, 1]), order: plain(3) }),
  );
});

Deno.test("peers: shuffled channels move within reshapes of channels last", () => {
  const value = channelsLast(counted([1, 6, 2, 3]));
  transposes = 0;
  const shuffled = reshaped(tf, renamed(reshaped(tf, value, [1, 3, 2, 2, 3]), [0, 2, 1, 3, 4]), [1, 6, 2, 3]);
  // Only the channels change places, which is one transpose.
  assertEquals(transposes, 1);
  const expected = tf.transpose(counted([1, 3, 2, 2, 3]), [0, 2, 1, 3, 4]) as HostTensor;
  assertEquals(elementsOf(shuffled), expected.elements);
});

Deno.test("peers: reshapes keep the network's order of elements, whatever the arrangement", () => {
  const random = new Random(5);
  for (let round = 0; round < 300; round++) {
    const parts = Array.from({ length: random.int(1, 5) }, () => random.int(1, 3));
    const grouped = (): number[] => {
      const shape: number[] = [];
      for (const part of parts) {
        if (shape.length > 0 && random.next() < 0.4) shape[shape.length - 1]! *= part;
        else shape.push(part);
      }
      return shape;
    };
    const from = grouped(), to = grouped(), order = random.shuffled(plain(from.length));
    const x = counted(from);
    const value = { tensor: arranged(tf, { tensor: x, order: plain(from.length) }, order), order };
    const result = reshaped(tf, value, to);
    const told = `seed 5, round ${round}: [${from}] in order ${order} to [${to}]`;
    assertEquals(shapeOf(result), to, told);
    assertEquals(elementsOf(result), x.elements, told);
  }
});

Deno.test("peers: elements rearranged on the host lie as transposed ones do", () => {
  const x = counted([2, 3, 1, 4]);
  const there = rearranged(Float32Array.from(x.elements), x.shape, plain(4), CHANNELS_LAST);
  assertEquals([...there], [...(channelsLast(x).tensor as HostTensor).elements]);
  assertEquals([...rearranged(there, x.shape, CHANNELS_LAST, plain(4))], [...x.elements]);
});

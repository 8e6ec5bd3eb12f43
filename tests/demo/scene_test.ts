import {
  assert,
  assertAlmostEquals,
  assertEquals,
  assertGreater,
  assertGreaterOrEqual,
  assertLessOrEqual,
  assertNotEquals,
  assertRejects,
  assertThrows,
} from "@std/assert";
import { Canvas } from "../../src/demo/canvas.ts";
import { SCENE_HEIGHT, SCENE_WIDTH, StreetScene } from "../../src/demo/scene.ts";
import { SceneSource } from "../../src/demo/scene_source.ts";
import { type Frame, frameBytes, isSkipped } from "../../src/frame/frame.ts";

async function sha256(bytes: Uint8Array<ArrayBuffer>): Promise<string> {
  return new Uint8Array(await crypto.subtle.digest("SHA-256", bytes)).toHex();
}

function sceneCanvas(): Canvas {
  return new Canvas(SCENE_WIDTH, SCENE_HEIGHT);
}

Deno.test("StreetScene draws the same pixels for the same seed, on every machine", async () => {
  const canvas = sceneCanvas();
  const scene = new StreetScene(1);
  scene.draw(canvas, 0);
  assertEquals(
    await sha256(canvas.pixels),
    "0d46179155e605798712cc34350ff3a984ff0c860895ab9b00bbee2bf3137551",
  );
  scene.draw(canvas, 100);
  assertEquals(
    await sha256(canvas.pixels),
    "9ea0d30b697f4ae9007a03bad96ae9beb447f1d391dd7904e993adc4c1d6eb6b",
  );
  new StreetScene(1).draw(canvas, 0);
  assertEquals(
    await sha256(canvas.pixels),
    "0d46179155e605798712cc34350ff3a984ff0c860895ab9b00bbee2bf3137551",
    "frame 0 again, out of order",
  );
  new StreetScene(2).draw(canvas, 0);
  assertNotEquals(
    await sha256(canvas.pixels),
    "0d46179155e605798712cc34350ff3a984ff0c860895ab9b00bbee2bf3137551",
    "another seed",
  );
});

Deno.test("StreetScene's boxes hold every drawn pixel, tightly where nothing hides the object", () => {
  const canvas = sceneCanvas();
  for (const [seed, index] of [[1, 0], [2, 77], [3, 140], [4, 249]] as const) {
    const truth = new StreetScene(seed).draw(canvas, index);
    assertGreater(truth.length, 8);
    assertEquals(new Set(truth.map(({ id }) => id)).size, truth.length);
    for (const { id, kind, box: [x1, y1, x2, y2], visible } of truth) {
      const which = `seed ${seed}, frame ${index}, ${kind} ${id}`;
      let left = SCENE_WIDTH, top = SCENE_HEIGHT, right = 0, bottom = 0;
      canvas.owner.forEach((owner, p) => {
        if (owner !== id) return;
        const x = p % SCENE_WIDTH, y = Math.floor(p / SCENE_WIDTH);
        left = Math.min(left, x);
        right = Math.max(right, x + 1);
        top = Math.min(top, y);
        bottom = Math.max(bottom, y + 1);
      });
      if (visible === 0) continue;
      assertGreaterOrEqual(left, Math.floor(x1), which);
      assertGreaterOrEqual(top, Math.floor(y1), which);
      assertLessOrEqual(right, Math.ceil(x2), which);
      assertLessOrEqual(bottom, Math.ceil(y2), which);
      if (visible < 0.999 || kind === "person") continue;
      for (const [drawn, told] of [[left, x1], [top, y1], [right, x2], [bottom, y2]] as const) {
        assertAlmostEquals(drawn, told, 2, which);
      }
    }
  }
});

Deno.test("StreetScene tells how much of an object is seen", () => {
  const canvas = sceneCanvas();
  let hidden = 0, cut = 0;
  for (const seed of [1, 2, 3, 4]) {
    for (const { box, visible, kind } of new StreetScene(seed).draw(canvas, 60)) {
      assert(visible >= 0 && visible <= 1, `${kind}: ${visible}`);
      const atEdge = box[0] === 0 || box[2] === SCENE_WIDTH;
      if (!atEdge && visible < 0.95) hidden++;
      if (atEdge && visible < 0.95) cut++;
    }
  }
  assertGreater(hidden, 0);
  assertGreater(cut, 0);
});

Deno.test("StreetScene shows its kinds: each in most streets", () => {
  const canvas = sceneCanvas();
  const seen = new Map<string, number>();
  for (let seed = 1; seed <= 6; seed++) {
    const scene = new StreetScene(seed);
    const kinds = new Set(
      [0, 120, 180, 220].flatMap((index) => scene.draw(canvas, index).map(({ kind }) => kind)),
    );
    for (const kind of kinds) seen.set(kind, (seen.get(kind) ?? 0) + 1);
  }
  const kinds = [
    "stop sign",
    "clock",
    "red light",
    "green light",
    "taxi",
    "bus",
    "car",
    "person",
    "sports ball",
  ];
  for (const kind of kinds) assertGreaterOrEqual(seen.get(kind) ?? 0, 4, kind);
});

Deno.test("StreetScene refuses a canvas of another size", () => {
  assertThrows(() => new StreetScene(1).draw(new Canvas(640, 360), 0), RangeError, "640x360");
});

Deno.test("SceneSource gives frames in order, with truth, and takes their memory back", async () => {
  const source = new SceneSource({ seed: 5, frames: 5, buffers: 2 });
  const canvas = sceneCanvas(), scene = new StreetScene(5);
  const held: Frame[] = [];
  let next = 0;
  for await (const frame of source) {
    assert(!isSkipped(frame));
    assertEquals([frame.index, frame.timeSeconds], [next, next / 25]);
    assertEquals(frame.data.length, frameBytes(frame.format, frame.width, frame.height));
    assertEquals(source.truth(next), scene.draw(canvas, next));
    assertEquals(await sha256(frame.data), await sha256(canvas.pixels));
    held.push(frame);
    next++;
    if (held.length === 2) {
      const [first] = held.splice(0, 1);
      first?.release();
      first?.release();
      assertEquals(first?.data.length, 0);
    }
  }
  assertEquals(next, 5);
  assertThrows(() => source.truth(5), RangeError, "5 frames are drawn");
  await assertRejects(
    async () => {
      for await (const _ of source);
    },
    Error,
    "twice",
  );
});

Deno.test("SceneSource waits while all its memory is held, and close() ends the wait", async () => {
  const source = new SceneSource({ frames: 10, buffers: 1 });
  const frames = source[Symbol.asyncIterator]();
  const first = await frames.next();
  let arrived = false;
  const second = frames.next().then((result) => {
    arrived = true;
    return result;
  });
  await new Promise((resolve) => setTimeout(resolve, 5));
  assertEquals(arrived, false);
  (first.value as Frame).release();
  assertEquals((await second).done, false);
  const third = frames.next();
  await source.close();
  assertEquals((await third).done, true);
});

Deno.test("SceneSource refuses counts that are none", () => {
  assertThrows(() => new SceneSource({ frames: 0 }), RangeError, "frames 0");
  assertThrows(() => new SceneSource({ buffers: 1.5 }), RangeError, "buffers 1.5");
});

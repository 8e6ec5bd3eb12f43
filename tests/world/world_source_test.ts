import {
  assert,
  assertAlmostEquals,
  assertEquals,
  assertGreater,
  assertLess,
  assertMatch,
  assertNotEquals,
  assertRejects,
  assertThrows,
} from "@std/assert";
import { Device } from "../../src/gpu/mod.ts";
import {
  CLASSES,
  type FrameTruth,
  idImage,
  isLasting,
  lensOf,
  lightOf,
  type Picture,
  poseOf,
  project,
  Town,
  truthRecord,
  unproject,
  type WorldOptions,
  WorldRenderer,
  WorldSource,
} from "../../src/world/mod.ts";

/** All frames of a world, with truth and what each pixel showed. */
async function frames(
  device: Device,
  options: WorldOptions,
): Promise<{ pixels: Uint8Array; truth: FrameTruth; picture: Picture; ids: Uint16Array }[]> {
  const all: { pixels: Uint8Array; truth: FrameTruth; picture: Picture; ids: Uint16Array }[] = [];
  const source = new WorldSource(device, {
    ...options,
    onPicture: (picture, truth) => {
      const copy = {
        ...picture,
        hits: picture.hits.slice(),
        depths: picture.depths.slice(),
        owners: picture.owners.slice(),
      };
      all.push({ pixels: picture.pixels.slice(), truth, picture: copy, ids: idImage(picture) });
    },
  });
  for await (const frame of source) {
    const one = all[frame.index]!;
    assertEquals([frame.width, frame.height, frame.format], [options.width, options.height, "rgb24"]);
    assertEquals(frame.data, one.pixels);
    assertEquals(source.truth(frame.index), one.truth);
    frame.release();
  }
  await source.close();
  return all;
}

const SMALL = { width: 96, height: 72, smooth: false, leastOverlap: 0.05 } as const;

Deno.test("the same seed gives the same bytes and truth, another seed other ones", async () => {
  using device = await Device.request();
  for (const scenario of ["two-laps", "random"] as const) {
    const options = { ...SMALL, scenario, frames: 5, seed: 3 };
    const [a, b, c] = [
      await frames(device, options),
      await frames(device, options),
      await frames(device, { ...options, seed: 4 }),
    ];
    assertEquals(a.map(({ pixels }) => pixels), b.map(({ pixels }) => pixels), scenario);
    assertEquals(
      a.map(({ truth }) => truthRecord(truth)),
      b.map(({ truth }) => truthRecord(truth)),
      scenario,
    );
    for (const [i, { pixels }] of a.entries()) {
      const other = c[i]!.pixels;
      const unlike = pixels.reduce((sum, value, k) => sum + (Math.abs(value - other[k]!) > 25 ? 1 : 0), 0) /
        pixels.length;
      assertGreater(unlike, 0.2, `${scenario}, frame ${i}: ${unlike} of the values differ`);
    }
  }
});

Deno.test("random picture number i is the same whatever was drawn before it", async () => {
  using device = await Device.request();
  const options = { ...SMALL, scenario: "random", seed: 9, random: { perTown: 2 } } as const;
  const [few, many] = [
    await frames(device, { ...options, frames: 3 }),
    await frames(device, { ...options, frames: 5 }),
  ];
  for (const [i, { pixels, truth }] of few.entries()) {
    assertEquals(many[i]!.pixels, pixels, `picture ${i}`);
    assertEquals(many[i]!.truth, truth, `picture ${i}`);
  }
});

Deno.test("a frame creates nothing on the GPU, whatever the light", async () => {
  using device = await Device.request();
  for (const light of ["day", "rain"] as const) {
    const source = new WorldSource(device, {
      ...SMALL,
      scenario: "two-laps-other-light",
      light,
      frames: 12,
      seed: 5,
    });
    let before = "";
    for await (const frame of source) {
      const now = JSON.stringify(device.counters.snapshot());
      if (frame.index === 0) before = now;
      else assertEquals(now, before, `${light}, frame ${frame.index}`);
      frame.release();
    }
    assertMatch(before, /"buffers":[1-9]/);
    await source.close();
  }
});

/** The share of one picture's lasting pixels whose points another shows, from every pixel and all depths. */
function shareByPixels(
  a: { truth: FrameTruth; picture: Picture },
  b: { truth: FrameTruth; picture: Picture },
): number {
  const { width, height } = a.picture;
  let all = 0, seen = 0;
  for (let y = 0; y < height; y++) {
    for (let x = 0; x < width; x++) {
      if (!isLasting(a.picture, y * width + x)) continue;
      all++;
      const point = unproject(a.truth.pose, a.truth.lens, x + 0.5, y + 0.5, a.picture.depths[y * width + x]!);
      const at = project(b.truth.pose, b.truth.lens, point);
      if (!at || at.u < 0 || at.v < 0 || at.u >= width || at.v >= height) continue;
      let deepest = 0;
      for (const [dx, dy] of [[-0.5, -0.5], [0.5, -0.5], [-0.5, 0.5], [0.5, 0.5]] as const) {
        const column = Math.min(width - 1, Math.max(0, Math.floor(at.u + dx)));
        const row = Math.min(height - 1, Math.max(0, Math.floor(at.v + dy)));
        deepest = Math.max(deepest, b.picture.depths[row * width + column]! || Infinity);
      }
      if (at.depth <= deepest * 1.02 + 0.1) seen++;
    }
  }
  return seen / all;
}

Deno.test("frames of the same place are told by what both see, as every pixel confirms", async () => {
  using device = await Device.request();
  const size = { width: 160, height: 120, smooth: false, leastOverlap: 0.1 } as const;
  const laps = await frames(device, { ...size, scenario: "two-laps-other-light", frames: 24, seed: 6 });
  let checked = 0;
  for (const { truth } of laps) {
    for (const { frame, overlap } of truth.samePlace) {
      assertLess(frame, truth.frame);
      const exact = Math.min(
        shareByPixels(laps[truth.frame]!, laps[frame]!),
        shareByPixels(laps[frame]!, laps[truth.frame]!),
      );
      assert(
        Math.abs(exact - overlap) < 0.2,
        `frames ${truth.frame} and ${frame}: ${overlap} told, ${exact} by all pixels`,
      );
      checked++;
    }
    if (truth.frame < 12) continue;
    // A lap later at the same spot, though in another light and with other cars.
    const best = truth.samePlace.filter(({ frame }) => frame < 12).sort((a, b) => b.overlap - a.overlap)[0];
    assertEquals(best?.frame, truth.frame - 12, `frame ${truth.frame}: ${JSON.stringify(truth.samePlace)}`);
    assertGreater(best!.overlap, 0.4);
    assertEquals(truth.light, "dusk");
  }
  assertGreater(checked, 20);
  // What is not told does not overlap.
  for (const [a, b] of [[0, 6], [3, 9], [18, 0], [20, 2], [14, 8]] as const) {
    if (laps[Math.max(a, b)]!.truth.samePlace.some(({ frame }) => frame === Math.min(a, b))) continue;
    const exact = Math.min(shareByPixels(laps[a]!, laps[b]!), shareByPixels(laps[b]!, laps[a]!));
    assertLess(exact, 0.3, `frames ${a} and ${b}`);
  }
});

Deno.test("a straight drive and two streets that look alike show no place twice, a wrong-way revisit does", async () => {
  using device = await Device.request();
  const returns = async (scenario: "straight" | "alike" | "wrong-way"): Promise<number> => {
    const all = await frames(device, {
      width: 96,
      height: 72,
      smooth: false,
      leastOverlap: 0.25,
      scenario,
      frames: 48,
      seed: 7,
    });
    return all.reduce(
      (sum, { truth }) => sum + truth.samePlace.filter(({ frame }) => truth.frame - frame > 12).length,
      0,
    );
  };
  assertEquals(await returns("straight"), 0);
  assertEquals(await returns("alike"), 0);
  assertGreater(await returns("wrong-way"), 0);
});

Deno.test("a group of random pictures sees one place", async () => {
  using device = await Device.request();
  const all = await frames(device, {
    width: 96,
    height: 72,
    smooth: false,
    scenario: "random",
    frames: 16,
    seed: 11,
    random: { group: 2, perTown: 4 },
  });
  const shares: number[] = [];
  for (let i = 0; i < all.length; i += 2) {
    assertEquals([all[i]!.truth.group, all[i + 1]!.truth.group], [i / 2, i / 2]);
    assertNotEquals(all[i]!.pixels, all[i + 1]!.pixels);
    shares.push(shareByPixels(all[i]!, all[i + 1]!));
  }
  assertGreater(shares.filter((share) => share > 0.3).length, 5, shares.join(", "));
});

Deno.test("things keep their numbers from frame to frame, and every class comes by", async () => {
  using device = await Device.request();
  const all = await frames(device, {
    width: 160,
    height: 120,
    smooth: false,
    scenario: "two-laps",
    frames: 60,
    seed: 12,
    density: 2,
  });
  const classOf = new Map<number, number>();
  const seenIn = new Map<number, number>();
  for (const { truth } of all) {
    for (const { id, class_id, label } of truth.boxes) {
      assertEquals(classOf.get(id) ?? class_id, class_id, `thing ${id}`);
      assertEquals(CLASSES[class_id], label);
      classOf.set(id, class_id);
      seenIn.set(id, (seenIn.get(id) ?? 0) + 1);
    }
  }
  assertEquals(new Set(classOf.values()).size, CLASSES.length, [...new Set(classOf.values())].join(", "));
  assertGreater([...seenIn.values()].filter((count) => count > 4).length, 20);
});

Deno.test("noise, exposure and blur do what they say", async () => {
  using device = await Device.request();
  const one = async (effects: WorldOptions["effects"]): Promise<Uint8Array> =>
    (await frames(device, { ...SMALL, frames: 2, seed: 13, effects: { noise: 0, ...effects } }))[1]!.pixels;
  const mean = (pixels: Uint8Array): number => pixels.reduce((sum, value) => sum + value, 0) / pixels.length;
  const rough = (pixels: Uint8Array): number => {
    let sum = 0;
    for (let i = 3; i < pixels.length; i++) sum += Math.abs(pixels[i]! - pixels[i - 3]!);
    return sum / pixels.length;
  };
  const plain = await one({});
  assertGreater(mean(await one({ exposure: 2 })), mean(plain) + 15);
  assertLess(mean(await one({ exposure: 0.5 })), mean(plain) - 15);
  assertGreater(rough(await one({ noise: 0.05 })), rough(plain) + 2);
  assertLess(rough(await one({ shutter: 0.5 })), rough(plain) * 0.9);
  assertLess(rough(await one({ defocus: 3, focus: 2 })), rough(plain) * 0.9);
});

Deno.test("light and weather change the picture, not what is true of it", async () => {
  using device = await Device.request();
  const [day, dusk, rain] = await Promise.all(
    (["day", "dusk", "rain"] as const).map((light) =>
      frames(device, { ...SMALL, width: 64, height: 48, frames: 3, seed: 15, light })
    ),
  );
  for (const other of [dusk!, rain!]) {
    for (const [i, { truth, picture, pixels }] of day!.entries()) {
      assertEquals(other[i]!.truth.boxes, truth.boxes);
      assertEquals(other[i]!.picture.depths, picture.depths);
      const unlike = pixels.filter((value, k) => Math.abs(value - other[i]!.pixels[k]!) > 12).length /
        pixels.length;
      assertGreater(unlike, 0.4, `${other[i]!.truth.light}, frame ${i}: ${unlike} of the values differ`);
    }
  }
});

Deno.test("pictures of a few tiles have room for all that is in sight", async () => {
  using device = await Device.request();
  const all = await frames(device, {
    width: 16,
    height: 16,
    smooth: true,
    frames: 6,
    seed: 16,
    scenario: "straight",
    density: 3,
  });
  assertEquals(all.length, 6);
});

Deno.test("a truth's JSON line holds camera, objects and places", async () => {
  using device = await Device.request();
  const { truth } = (await frames(device, { ...SMALL, frames: 1, seed: 14 }))[0]!;
  const record = JSON.parse(JSON.stringify(truthRecord(truth)));
  assertEquals(Object.keys(record), [
    "frame",
    "time_s",
    "width",
    "height",
    "light",
    "camera",
    "objects",
    "same_place",
  ]);
  assertEquals(record.camera.rotation.length, 9);
  record.camera.position.forEach((value: number, i: number) =>
    assertAlmostEquals(value, truth.pose.position[i]!, 1e-4)
  );
  assertEquals(record.objects.length, truth.boxes.length);
  assertEquals(Object.keys(record.objects[0]), [
    "id",
    "class_id",
    "label",
    "box",
    "pixels",
    "visible",
    "occlusion",
    "cut",
    "depth",
  ]);
});

Deno.test("a renderer made without blur refuses it, and one without a town draws nothing", async () => {
  using device = await Device.request();
  const lens = lensOf(64, 48);
  using renderer = new WorldRenderer(device, { lens, smooth: false, blur: false });
  const view = { pose: poseOf([0, 1.5, 0], 0), light: lightOf("day", 1), time: 0 };
  assertThrows(() => renderer.submit(view), Error, "no town");
  renderer.town = new Town({ seed: 1 });
  assertThrows(() => renderer.submit({ ...view, effects: { shutter: 0.5 } }), Error, "blur: true");
  assertThrows(() => renderer.lens = lensOf(32, 48), RangeError, "this renderer draws 64x48");
  assertEquals(await renderer.take(renderer.submit(view), ({ pixels }) => pixels.length), 64 * 48 * 3);
});

Deno.test("what cannot be drawn is refused", async () => {
  using device = await Device.request();
  assertThrows(() => new WorldSource(device, { frames: 0 }), RangeError, "frames 0");
  assertThrows(() => new WorldSource(device, { width: 3.5 }), RangeError, "width 3.5");
  assertThrows(
    () => new WorldSource(device, { scenario: "random", random: { group: 0 } }),
    RangeError,
    "group 0",
  );
  const source = new WorldSource(device, { ...SMALL, frames: 1 });
  assertThrows(() => source.truth(0), RangeError, "0 frames");
  for await (const frame of source) frame.release();
  await assertRejects(async () => {
    for await (const frame of source) frame.release();
  }, "twice");
  await source.close();
  await source.close();
});

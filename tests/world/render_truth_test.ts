import { assert, assertAlmostEquals, assertEquals, assertGreater } from "@std/assert";
import { Device } from "../../src/gpu/mod.ts";
import {
  boxesOf,
  idImage,
  type Lens,
  lensOf,
  type LightName,
  lightOf,
  type Picture,
  type Pose,
  poseOf,
  project,
  Town,
  unproject,
  WorldRenderer,
} from "../../src/world/mod.ts";
import { Random, seedOf } from "../../src/tensor/random.ts";
import { SOLID_FLOATS } from "../../src/world/solids.ts";
import { cast, enter, pixelRay } from "./host_rays.ts";

/** A picture's truth, kept. */
function kept(picture: Picture): Picture {
  return {
    ...picture,
    pixels: picture.pixels.slice(),
    hits: picture.hits.slice(),
    depths: picture.depths.slice(),
    owners: picture.owners.slice(),
  };
}

/** A pose in the middle of a street, looking along it or across. */
function somePose(town: Town, random: Random): Pose {
  const street = random.pick(town.plan.streetsZ as [typeof town.plan.streetsZ[number]]);
  const across = street.middle + random.between(-0.6, 0.6) * street.half;
  const yaw = random.pick([1, -1]) * Math.PI / 2 + random.between(-0.7, 0.7);
  return poseOf(
    [random.between(-50, 50), random.between(1.3, 2), across],
    yaw,
    random.between(-0.1, 0.1),
    random.between(-0.05, 0.05),
  );
}

async function draw(
  renderer: WorldRenderer,
  pose: Pose,
  seed: number,
  light: LightName = "day",
): Promise<Picture> {
  const slot = renderer.submit({ pose, light: lightOf(light, seed), time: 10 * seed, noiseSeed: seed });
  return await renderer.take(slot, kept);
}

const LENSES: readonly (readonly [string, Lens, boolean])[] = [
  ["a pinhole", lensOf(160, 120, 72), false],
  ["smooth edges", lensOf(96, 72, 60), true],
  ["barrel distortion", lensOf(160, 120, 90, -0.13, 0.01), false],
  ["pincushion distortion", lensOf(100, 84, 60, 0.09), false],
];

Deno.test("what a pixel shows and how deep it is agrees with rays cast on the host", async (t) => {
  using device = await Device.request();
  for (const [name, lens, smooth] of LENSES) {
    await t.step(name, async () => {
      using renderer = new WorldRenderer(device, { lens, smooth, blur: false });
      const random = new Random(seedOf(lens.width, 5));
      let compared = 0, same = 0, leaves = 0;
      for (let i = 0; i < 3; i++) {
        const town = new Town({ seed: 20 + i });
        renderer.town = town;
        const pose = somePose(town, random);
        const picture = await draw(renderer, pose, i + 1);
        const { solids } = town.things;
        for (let k = 0; k < 250; k++) {
          const [x, y] = [random.below(lens.width), random.below(lens.height)];
          const { eye, way } = pixelRay(pose, lens, x, y);
          const hit = picture.hits[y * lens.width + x]!, depth = picture.depths[y * lens.width + x]!;
          const expected = cast(solids, eye, way);
          if (hit >= 2 && solids.torn[hit - 2]) {
            // Which leaves are missing is the shader's own affair; where they are is not.
            const at = enter(solids, hit - 2, eye, way);
            assert(
              at !== undefined && Math.abs(at - depth) < 1e-3 * depth + 2e-3,
              `${name}, pixel ${x}, ${y}: leaves at ${depth}, not ${at}`,
            );
            assert(
              expected.hit === 0 || depth < expected.depth + 1e-2,
              `${name}, pixel ${x}, ${y}: leaves behind ${expected.depth}`,
            );
            leaves++;
            continue;
          }
          compared++;
          if (hit === expected.hit && Math.abs(depth - expected.depth) <= 1e-3 * expected.depth + 1e-3) {
            same++;
          }
        }
      }
      // Rays that just touch an edge may fall to either side.
      assertGreater(same / compared, 0.99, `${name}: ${same} of ${compared} pixels agree`);
      assertGreater(compared, 400, `${name}: ${leaves} pixels are leaves`);
    });
  }
});

Deno.test("boxes are the tight extents of the things' pixels, and their shares what rays of the host count", async () => {
  using device = await Device.request();
  const lens = lensOf(160, 120, 72);
  using renderer = new WorldRenderer(device, { lens, smooth: false, blur: false });
  const random = new Random(8);
  let [boxesSeen, hiddenSeen, counted] = [0, 0, 0];
  for (let i = 0; i < 4; i++) {
    const town = new Town({ seed: 30 + i, density: 2 });
    renderer.town = town;
    const pose = somePose(town, random);
    const picture = await draw(renderer, pose, i + 1);
    const ids = idImage(picture);
    const boxes = boxesOf(picture);
    const expected = new Map<number, { box: number[]; pixels: number }>();
    ids.forEach((id, at) => {
      const [x, y] = [at % lens.width, Math.floor(at / lens.width)];
      const found = expected.get(id) ?? { box: [x, y, x + 1, y + 1], pixels: 0 };
      found.box = [
        Math.min(found.box[0]!, x),
        Math.min(found.box[1]!, y),
        Math.max(found.box[2]!, x + 1),
        Math.max(found.box[3]!, y + 1),
      ];
      found.pixels++;
      expected.set(id, found);
    });
    const labelled = new Set(picture.things.filter(({ label }) => label >= 0).map(({ id }) => id));
    assertEquals(
      boxes.map(({ id }) => id),
      [...expected].filter(([id, { pixels }]) => labelled.has(id) && pixels >= 4).map(([id]) => id).sort((
        a,
        b,
      ) => a - b),
    );
    for (const { id, box, pixels, visible, occlusion, depth } of boxes) {
      assertEquals([...box], expected.get(id)!.box, `thing ${id}`);
      assertEquals(pixels, expected.get(id)!.pixels, `thing ${id}`);
      assertAlmostEquals(visible + occlusion, 1, 1e-12);
      boxesSeen++;
      if (visible < 0.9) hiddenSeen++;
      const index = town.things.list.findIndex((thing) => thing.id === id);
      const thing = town.things.list[index]!;
      const solids = Array.from({ length: thing.count }, (_, k) => thing.first + k);
      // All pixels whose rays meet it, whatever is before it; for things of a size at which that takes no minutes.
      if (thing.count * lens.width * lens.height > 400_000 || counted > 30) continue;
      counted++;
      let covered = 0, nearest = Infinity;
      for (let y = 0; y < lens.height; y++) {
        for (let x = 0; x < lens.width; x++) {
          const { eye, way } = pixelRay(pose, lens, x, y);
          const depths = solids.map((solid) => enter(town.things.solids, solid, eye, way)).filter((at) =>
            at !== undefined
          );
          if (depths.length > 0) covered++;
          if (ids[y * lens.width + x] === id) nearest = Math.min(nearest, ...depths);
        }
      }
      const share = pixels / covered;
      assert(
        Math.abs(share - visible) <= 0.03 + 1.5 / covered,
        `seed ${
          30 + i
        }, thing ${id} (class ${thing.label}): ${pixels} of ${covered} pixels by the host, visible ${visible}`,
      );
      assert(
        Math.abs(nearest - depth) < 0.01 * depth + 0.05,
        `thing ${id}: nearest ${nearest} by the host, ${depth} told`,
      );
    }
  }
  assertGreater(boxesSeen, 40);
  assertGreater(hiddenSeen, 5);
  assertGreater(counted, 15);
});

Deno.test("known corners are drawn where pose and lens say", async () => {
  using device = await Device.request();
  const lens = lensOf(320, 240, 65, -0.08);
  using renderer = new WorldRenderer(device, { lens, smooth: false, blur: false });
  let checked = 0;
  for (let seed = 40; seed < 46 && checked < 6; seed++) {
    const town = new Town({ seed, density: 0 });
    renderer.town = town;
    const square = town.things.list.filter(({ label, first }) =>
      label >= 0 && [5, 6].includes(town.things.solids.table[first * SOLID_FLOATS + 24]!)
    );
    for (const sign of square.slice(0, 4)) {
      const [x, y, z] = sign.centre;
      // Before the plate: it is turned to where its thin axis points.
      const table = town.things.solids.table;
      const at = sign.first * SOLID_FLOATS;
      const thin = [table[at + 8]!, table[at + 10]!].map((value) => value * table[at + 30]!);
      const eye = [
        x + 4.5 * thin[0]! + 0.4 * thin[1]!,
        y - 0.5,
        z + 4.5 * thin[1]! - 0.4 * thin[0]!,
      ] as const;
      const pose = poseOf(eye, Math.atan2(x - eye[0], -(z - eye[2])) + 0.2, 0.05, 0.03);
      const picture = await draw(renderer, pose, seed);
      const box = boxesOf(picture).find(({ id }) => id === sign.id);
      if (!box || box.visible < 1 || box.cut) continue;
      const corners = Array.from(
        { length: 8 },
        (_, k) => town.things.solids.corners.subarray(sign.first * 24 + k * 3, sign.first * 24 + k * 3 + 3),
      );
      const drawn = corners.map((corner) =>
        project(pose, lens, corner as unknown as readonly [number, number, number])!
      );
      const expected = [
        Math.min(...drawn.map(({ u }) => u)),
        Math.min(...drawn.map(({ v }) => v)),
        Math.max(...drawn.map(({ u }) => u)),
        Math.max(...drawn.map(({ v }) => v)),
      ];
      // A pixel belongs to the plate if its centre does.
      expected.forEach((edge, k) =>
        assert(
          Math.abs(edge - box.box[k]!) <= 0.75,
          `seed ${seed}, sign ${sign.id}, edge ${k}: drawn at ${box.box[k]}, expected ${edge}`,
        )
      );
      checked++;
    }
  }
  assertGreater(checked, 3);
});

Deno.test("a pixel and its depth lead back to the solid that it shows", async () => {
  using device = await Device.request();
  const lens = lensOf(160, 120, 80, -0.1);
  using renderer = new WorldRenderer(device, { lens, smooth: true, blur: false });
  const town = new Town({ seed: 50 });
  renderer.town = town;
  const pose = somePose(town, new Random(2));
  const { hits, depths } = await draw(renderer, pose, 1);
  const { table } = town.things.solids;
  let outside = 0, all = 0;
  hits.forEach((hit, i) => {
    if (hit === 0) return;
    const [x, y, z] = unproject(pose, lens, i % 160 + 0.5, Math.floor(i / 160) + 0.5, depths[i]!);
    if (hit === 1) {
      assertAlmostEquals(y, 0, 1e-3 + depths[i]! * 1e-4, `ground at pixel ${i}`);
      return;
    }
    all++;
    const at = (hit - 2) * SOLID_FLOATS;
    const local = [0, 1, 2].map((k) =>
      table[at + k * 4]! * x + table[at + k * 4 + 1]! * y + table[at + k * 4 + 2]! * z +
      table[at + k * 4 + 3]!
    );
    // Within a centimetre, or a ten-thousandth of the depth, of the box; some are wider at the top.
    const [front, back, sides] = table.subarray(at + 12, at + 15) as unknown as [number, number, number];
    const wider = [Math.max(0, -front, -back), 0, Math.max(0, -sides)];
    const slack = wider.map((more, k) => 1 + more + (0.01 + 1e-4 * depths[i]!) / table[at + 28 + k]!);
    if (local.some((value, k) => Math.abs(value) > slack[k]!)) outside++;
  });
  assertEquals(outside, 0, `of ${all}`);
});

import { assert, assertEquals, assertThrows } from "@std/assert";
import { type BufferRange, GpuError, TexelScratch, type TextureRange } from "../../src/gpu/mod.ts";
import { type TexelRead, TexelReuse } from "../../src/graph/texel_reuse.ts";
import { Random } from "../support/random.ts";

const BUFFER = {} as GPUBuffer;

/** Textures without a GPU: what is asked for is made. */
function scratch(): { scratch: TexelScratch; made: TextureRange[] } {
  const made: TextureRange[] = [];
  const createTexture = ({ label }: { label: string }, bytes: number): TextureRange => {
    made.push({ texture: { label } as GPUTexture, bytes, label });
    return made.at(-1)!;
  };
  return { scratch: new TexelScratch({ limits: { maxTextureDimension2D: 8192 }, createTexture }), made };
}

function read(offset: number, bytes: number, kind: Partial<TexelRead> = {}): TexelRead {
  return { range: { buffer: BUFFER, offset, bytes, label: "range" }, texelBytes: 16, scalar: "f32", ...kind };
}

Deno.test("a range that was not written since is copied once", () => {
  const reuse = new TexelReuse(scratch().scratch);
  const held = (reads: TexelRead[], ...written: TexelRead[]): boolean[] =>
    reuse.place(reads, written.map(({ range }) => range)).map((placed) => placed.held);
  assertEquals(held([read(0, 256)], read(256, 256)), [false]);
  assertEquals(held([read(0, 256)], read(512, 256)), [true]);
  // What a dispatch held keeps its texture beside another range of the size.
  assertEquals(held([read(512, 256), read(0, 256)]), [false, true]);
  assertEquals(held([read(512, 256)], read(64, 16)), [true]);
  assertEquals(held([read(0, 256)]), [false], "written in part meanwhile");
  assertEquals(held([read(0, 256, { texelBytes: 8 })]), [false], "as halves");
  assertEquals(held([read(0, 256, { scalar: "u32" })]), [false], "as integers");
});

Deno.test("a range that a dispatch binds twice is copied once", () => {
  const { scratch: textures, made } = scratch();
  const placed = new TexelReuse(textures).place([read(0, 256), read(0, 256)], []);
  assertEquals(placed.map(({ held }) => held), [false, true]);
  assertEquals(made.length, 1);
});

Deno.test("textures of an attempt that fails are not given again: its caller has ended them", () => {
  const { scratch: textures, made } = scratch();
  const before = textures.take(0, 256, 16);
  assertThrows(
    () =>
      textures.attempt(() => {
        assertEquals(textures.take(0, 256, 16), before);
        textures.take(1, 256, 16);
        throw new GpuError("no memory");
      }),
    GpuError,
    "no memory",
  );
  assertEquals(textures.take(0, 256, 16), before);
  assert(textures.take(1, 256, 16) !== made[1]);
  assertEquals(textures.attempt(() => textures.take(1, 256, 16)), made[2]);
});

Deno.test("every dispatch finds in its textures what storage holds", () => {
  for (let seed = 0; seed < 200; seed++) {
    const random = new Random(seed);
    const { scratch: textures } = scratch();
    const reuse = new TexelReuse(textures);
    const storage = Array.from({ length: 32 }, (_, i) => `first ${i}`);
    const contents = new Map<TextureRange, string>();
    const kinds = new Map<TextureRange, string>();
    const range = (): BufferRange => {
      const offset = random.int(0, 31);
      return { buffer: BUFFER, offset, bytes: random.int(1, Math.min(4, 32 - offset)), label: "range" };
    };
    const textOf = ({ offset, bytes }: BufferRange): string => storage.slice(offset, offset + bytes).join();
    for (let dispatch = 0; dispatch < 60; dispatch++) {
      const reads = Array.from({ length: random.int(0, 3) }, (): TexelRead => ({
        range: range(),
        texelBytes: random.int(0, 3) === 0 ? 8 : 16,
        scalar: random.int(0, 3) === 0 ? "u32" : "f32",
      }));
      const written = Array.from({ length: random.int(0, 2) }, range);
      const placed = reuse.place(reads, written);
      // Copies come before the dispatch, all of them.
      placed.forEach(({ texture, held }, i) => {
        if (held) return;
        contents.set(texture, textOf(reads[i]!.range));
        kinds.set(texture, `${reads[i]!.texelBytes} ${reads[i]!.scalar}`);
      });
      placed.forEach(({ texture }, i) => {
        const where = `seed ${seed}, dispatch ${dispatch}, read ${i} of ${JSON.stringify(reads)}`;
        assertEquals(contents.get(texture), textOf(reads[i]!.range), where);
        assertEquals(kinds.get(texture), `${reads[i]!.texelBytes} ${reads[i]!.scalar}`, where);
      });
      for (const { offset, bytes } of written) storage.fill(`${dispatch}`, offset, offset + bytes);
    }
    assert(contents.size > 0, `seed ${seed}: nothing was read`);
  }
});

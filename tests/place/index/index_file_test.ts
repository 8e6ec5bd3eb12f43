import type { RandomAccessFile } from "../../../src/place/files/random_access_file.ts";
import { assert, assertEquals, assertRejects } from "@std/assert";
import { Device } from "../../../src/gpu/mod.ts";
import { crc32 } from "../../../src/place/files/crc32.ts";
import { DescriptorIndex } from "../../../src/place/index/descriptor_index.ts";
import {
  IndexFile,
  IndexFileError,
  type IndexFileLayout,
  loadIndex,
  saveIndex,
} from "../../../src/place/index/index_file.ts";
import { type DescriptorType, packRows, unpackRows } from "../../../src/place/index/packing.ts";
import { openFile } from "../../../src/video/random_access_file.ts";
import { Random } from "../../support/random.ts";

/** A file in memory; `failAfter` bytes an append fails. */
class MemoryFile implements RandomAccessFile {
  failAfter = Infinity;
  largestRead = 0;
  constructor(public bytes: Uint8Array<ArrayBuffer> = new Uint8Array()) {}
  size(): Promise<number> {
    return Promise.resolve(this.bytes.length);
  }
  read(offset: number, length: number): Promise<Uint8Array> {
    this.largestRead = Math.max(this.largestRead, length);
    return Promise.resolve(this.bytes.slice(offset, offset + length));
  }
  append(bytes: Uint8Array<ArrayBuffer>): Promise<void> {
    const written = bytes.subarray(0, this.failAfter);
    const all = new Uint8Array(this.bytes.length + written.length);
    all.set(this.bytes);
    all.set(written, this.bytes.length);
    this.bytes = all;
    return written.length < bytes.length ? Promise.reject(new Error("disk full")) : Promise.resolve();
  }
  truncate(length: number): Promise<void> {
    this.bytes = this.bytes.slice(0, length);
    return Promise.resolve();
  }
  flush(): Promise<void> {
    return Promise.resolve();
  }
}

const LAYOUT: IndexFileLayout = { dimensions: 5, type: "i8", metric: "l2" };
const RECORD = 16 + 4 + 4;

async function written(rows: number, layout = LAYOUT): Promise<MemoryFile> {
  const file = new MemoryFile();
  const open = await IndexFile.open(file, layout);
  const data = new Random(1).normals(rows * layout.dimensions);
  await open.append(packRows(data, layout.dimensions, layout.type));
  return file;
}

async function allRows(file: IndexFile): Promise<number[]> {
  const all: number[] = [];
  for await (const piece of file.pieces()) {
    all.push(...unpackRows(piece, file.layout.dimensions, file.layout.type));
  }
  return all;
}

Deno.test("crc32() gives the check value of its specification", () => {
  assertEquals(crc32(new TextEncoder().encode("123456789")), 0xcbf43926);
  assertEquals(crc32(new TextEncoder().encode("6789"), crc32(new TextEncoder().encode("12345"))), 0xcbf43926);
});

Deno.test("a file that was cut off anywhere opens with all whole records before, and goes on", async () => {
  const whole = await written(4);
  const rows = await allRows(await IndexFile.open(new MemoryFile(whole.bytes)));
  for (let length = 0; length <= whole.bytes.length; length++) {
    const file = new MemoryFile(whole.bytes.slice(0, length));
    const open = await IndexFile.open(file, LAYOUT);
    const left = Math.max(0, Math.floor((length - 32) / RECORD));
    assertEquals(open.rows, left, `cut to ${length}`);
    assertEquals(open.droppedBytes, length < 32 ? length : (length - 32) % RECORD, `cut to ${length}`);
    assertEquals(await allRows(open), rows.slice(0, left * 5), `cut to ${length}`);
    await open.append(packRows(new Float32Array(5).fill(1), 5, "i8"));
    const again = await IndexFile.open(file, LAYOUT);
    assertEquals([again.rows, again.droppedBytes], [left + 1, 0], `cut to ${length}`);
    assertEquals((await allRows(again)).slice(0, left * 5), rows.slice(0, left * 5));
  }
});

Deno.test("a tail of zeros or of other bytes is dropped", async () => {
  const whole = await written(3);
  const random = new Random(2);
  for (let trial = 0; trial < 60; trial++) {
    const tail = new Uint8Array(random.int(1, 4 * RECORD)).map(() =>
      trial % 2 === 0 ? 0 : random.int(0, 255)
    );
    const file = new MemoryFile(new Uint8Array([...whole.bytes, ...tail]));
    const open = await IndexFile.open(file, LAYOUT);
    assertEquals([open.rows, open.droppedBytes], [3, tail.length], `seed 2, trial ${trial}`);
    assertEquals(file.bytes, whole.bytes);
  }
});

Deno.test("a record that is damaged in the middle is told, and cut off only on demand", async () => {
  const file = await written(6);
  for (let at = 32 + 2 * RECORD; at < 32 + 3 * RECORD; at++) {
    const bytes = file.bytes.slice();
    bytes[at]! ^= 16;
    const open = await IndexFile.open(new MemoryFile(bytes), LAYOUT);
    assertEquals(open.rows, 6);
    await assertRejects(() => allRows(open), IndexFileError, "row 2 of the index file");
    assertEquals((await IndexFile.open(new MemoryFile(bytes), LAYOUT, { repair: true })).rows, 2);
  }
  // Two records that changed places.
  const bytes = file.bytes.slice();
  bytes.copyWithin(32, 32 + RECORD, 32 + 2 * RECORD);
  await assertRejects(
    async () => allRows(await IndexFile.open(new MemoryFile(bytes))),
    IndexFileError,
    "row 0",
  );
});

Deno.test("an append that fails leaves the rows before it, and the next one is whole", async () => {
  const file = await written(2);
  const open = await IndexFile.open(file, LAYOUT);
  const row = packRows(new Float32Array([1, 2, 3, 4, 5]), 5, "i8");
  file.failAfter = 7;
  await assertRejects(() => open.append(row), Error, "disk full");
  assertEquals(open.rows, 2);
  file.failAfter = Infinity;
  await open.append(row);
  const again = await IndexFile.open(file, LAYOUT);
  assertEquals([again.rows, again.droppedBytes], [3, 0]);
});

Deno.test("files of other rows and no such files are refused", async () => {
  const file = await written(1);
  await assertRejects(
    () => IndexFile.open(file, { ...LAYOUT, dimensions: 6 }),
    IndexFileError,
    "5 dimensions, i8, l2",
  );
  await assertRejects(() => IndexFile.open(new MemoryFile()), IndexFileError, "0 bytes");
  const other = new MemoryFile(new Uint8Array(100).fill(65));
  await assertRejects(() => IndexFile.open(other, LAYOUT), IndexFileError, "does not begin");
  await assertRejects(
    () => IndexFile.open(new MemoryFile(new Uint8Array(9).fill(65)), LAYOUT),
    IndexFileError,
  );
  for (let at = 8; at < 32; at++) {
    const bytes = file.bytes.slice();
    bytes[at]! ^= 1;
    await assertRejects(() => IndexFile.open(new MemoryFile(bytes)), IndexFileError, "header is damaged");
  }
});

Deno.test("an index is saved, loaded in pieces and appended to, in every type, on a real file", async () => {
  using device = await Device.request({ pool: false });
  const path = await Deno.makeTempFile();
  try {
    for (const type of ["f32", "f16", "i8"] satisfies DescriptorType[]) {
      for (const storage of ["buffer", "texture"] as const) {
        await Deno.truncate(path);
        const random = new Random(5), dimensions = 20;
        const options = { dimensions, type, storage, chunkRows: 256 };
        using index = new DescriptorIndex(device, options);
        const layout = { dimensions, type, metric: index.metric };
        index.add(random.normals(300 * dimensions));
        {
          using file = await openFile(path);
          const open = await IndexFile.open(file, layout);
          await saveIndex(index, open);
          index.add(random.normals(7 * dimensions));
          await saveIndex(index, open);
          assertEquals(open.rows, 307);
        }
        using file = await openFile(path);
        using loaded = new DescriptorIndex(device, options);
        await loadIndex(loaded, await IndexFile.open(file, layout));
        assertEquals(await loaded.read(0, 307), await index.read(0, 307), `${type} ${storage}`);
      }
    }
  } finally {
    await Deno.remove(path);
  }
});

Deno.test("reading goes by pieces, never the whole file", async () => {
  const layout: IndexFileLayout = { dimensions: 256, type: "f32", metric: "l2" };
  const file = await written(4000, layout);
  let rows = 0;
  for await (const piece of (await IndexFile.open(file)).pieces()) rows += piece.count;
  assertEquals(rows, 4000);
  assert(file.largestRead <= 1 << 20, `${file.largestRead}`);
});

Deno.test("a file whose writer is killed at any moment opens with every row that was told of", async () => {
  const path = await Deno.makeTempFile(), random = new Random(7);
  const writer = new URL("./index_writer.ts", import.meta.url);
  try {
    for (let kill = 0; kill < 10; kill++) {
      const child = new Deno.Command(Deno.execPath(), {
        args: ["run", "-A", "--no-check", writer.href, path],
        stdout: "piped",
        stderr: "inherit",
      }).spawn();
      let told = 0, left: number[] = [], until = Infinity;
      for await (const bytes of child.stdout) {
        left.push(...bytes);
        while (left.length >= 4) {
          told = new DataView(Uint8Array.from(left.slice(0, 4)).buffer).getUint32(0, true);
          left = left.slice(4);
        }
        if (until === Infinity) until = performance.now() + random.uniform(0, 30);
        if (performance.now() >= until) {
          child.kill("SIGKILL");
          until = -Infinity;
          break;
        }
      }
      await child.status;
      using file = await openFile(path);
      const open = await IndexFile.open(file);
      assert(told > 0 && open.rows >= told, `kill ${kill}: ${open.rows} rows, ${told} told`);
      const last = unpackRows(await open.read(open.rows - 1, 1), 300, "f16");
      assertEquals([...last], Array.from({ length: 300 }, (_, i) => ((open.rows - 1) * 7 + i) % 512));
      for await (const piece of open.pieces()) assert(piece.count > 0);
    }
  } finally {
    await Deno.remove(path);
  }
});

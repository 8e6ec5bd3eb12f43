import { assert, assertEquals, assertRejects } from "@std/assert";
import { MemoryFile } from "../../../src/place/files/memory_file.ts";
import { frozenFile } from "../../../src/place/files/frozen_file.ts";
import { RecordFile, RecordFileError } from "../../../src/place/files/record_file.ts";
import { Random } from "../../support/random.ts";

const KIND = "TEST";

/** Some records of 0 to 50 bytes. */
function contents(random: Random, count: number): Uint8Array<ArrayBuffer>[] {
  return Array.from({ length: count }, () => random.bytes(random.int(0, 50)));
}

async function written(records: readonly Uint8Array[], flushes: readonly number[] = []): Promise<Uint8Array> {
  const file = new MemoryFile();
  const open = await RecordFile.open(file, { kind: KIND });
  for (const [i, content] of records.entries()) {
    assertEquals(await open.append(content), i);
    if (flushes.includes(i)) await open.flush();
  }
  return file.read(0, await file.size());
}

async function fileOf(bytes: Uint8Array): Promise<MemoryFile> {
  const file = new MemoryFile();
  await file.append(new Uint8Array(bytes));
  return file;
}

async function all(file: RecordFile): Promise<Uint8Array[]> {
  const list = [];
  for await (const content of file.records()) list.push(content.slice());
  return list;
}

Deno.test("a file of records that was cut off anywhere opens with all whole ones before, and goes on", async () => {
  const records = contents(new Random(1), 6);
  const bytes = await written(records, [2]);
  const ends = [24];
  for (const { length } of records) ends.push(ends.at(-1)! + 24 + Math.ceil(length / 8) * 8);
  for (let length = 0; length <= bytes.length; length++) {
    const file = await fileOf(bytes.subarray(0, length));
    const open = await RecordFile.open(file, { kind: KIND });
    const left = Math.max(0, ends.findLastIndex((end) => end <= length));
    assertEquals(open.count, left, `cut to ${length}`);
    assertEquals(open.droppedBytes, length < 24 ? length : length - ends[left]!, `cut to ${length}`);
    assertEquals(await all(open), records.slice(0, left));
    await open.append(Uint8Array.of(7));
    const again = await RecordFile.open(file, { kind: KIND });
    assertEquals([again.count, again.droppedBytes], [left + 1, 0], `cut to ${length}`);
    assertEquals(await all(again), [...records.slice(0, left), Uint8Array.of(7)]);
  }
});

Deno.test("a tail of zeros or of other bytes is dropped, and a hole in what was not flushed too", async () => {
  const random = new Random(2), records = contents(random, 5);
  const bytes = await written(records, [1]);
  for (let trial = 0; trial < 60; trial++) {
    const tail = new Uint8Array(random.int(1, 300)).map(() => trial % 2 === 0 ? 0 : random.int(0, 255));
    const file = await fileOf(new Uint8Array([...bytes, ...tail]));
    const open = await RecordFile.open(file, { kind: KIND });
    assertEquals([open.count, open.droppedBytes], [5, tail.length], `seed 2, trial ${trial}`);
    assertEquals(await file.size(), bytes.length);
  }
  const open = await RecordFile.open(await fileOf(bytes), { kind: KIND });
  const hole = bytes.slice();
  hole.fill(0, open.position(3), open.position(4));
  assertEquals((await RecordFile.open(await fileOf(hole), { kind: KIND })).count, 3);
});

Deno.test("a damaged record with whole ones behind it that were written after it was flushed is told, and cut off only on demand", async () => {
  const records = contents(new Random(3), 6);
  const bytes = await written(records, [3]);
  const whole = await RecordFile.open(await fileOf(bytes), { kind: KIND });
  for (let at = whole.position(2); at < whole.position(3); at++) {
    const damaged = bytes.slice();
    damaged[at]! ^= 16;
    const length = records[2]!.length;
    const filling = at >= whole.position(2) + 24 + length;
    const open = RecordFile.open(await fileOf(damaged), { kind: KIND });
    if (filling) {
      assertEquals((await open).count, 6, `byte ${at} is filling`);
      continue;
    }
    const error = await assertRejects(() => open, RecordFileError, "record 2 at byte");
    assert(error.message.includes("record 4 behind it"), error.message);
    assertEquals((await RecordFile.open(await fileOf(damaged), { kind: KIND, repair: true })).count, 2);
  }
});

Deno.test("known positions are taken without reading the records, but for those that were not flushed and the last", async () => {
  const records = Array.from({ length: 50 }, (_, i) => new Uint8Array(100_000).fill(i));
  const bytes = await written(records);
  const positions = Float64Array.from({ length: 50 }, (_, i) => 24 + i * 100_024);
  const visited: number[] = [];
  const open = await RecordFile.open(await fileOf(bytes), {
    kind: KIND,
    known: { positions, safe: 48 },
    visit: (content, number) => {
      assertEquals(content, records[number]);
      visited.push(number);
    },
  });
  assertEquals([open.count, open.droppedBytes], [50, 0]);
  assertEquals(visited, [47, 48, 49]);
  assertEquals(await open.read(20), records[20]);
  for (const cut of [0, 24, 25, 100_047, 100_048, 2_000_000, bytes.length - 1]) {
    const open = await RecordFile.open(await fileOf(bytes.subarray(0, cut)), {
      kind: KIND,
      known: { positions, safe: 48 },
    });
    assertEquals(open.count, Math.max(0, Math.floor((cut - 24) / 100_024)), `cut to ${cut}`);
    assertEquals(await all(open), records.slice(0, open.count));
  }
});

Deno.test("read() gives any record and finds damage; truncate() cuts records off", async () => {
  const random = new Random(4), records = contents(random, 40);
  const bytes = await written(records);
  const file = await fileOf(bytes);
  const open = await RecordFile.open(file, { kind: KIND });
  for (let trial = 0; trial < 100; trial++) {
    const number = random.int(0, 39);
    assertEquals(await open.read(number), records[number]);
  }
  await open.truncate(7);
  assertEquals([open.count, await file.size()], [7, open.bytes]);
  await assertRejects(() => open.read(7), RangeError, "record 7");
  await open.append(records[9]!);
  assertEquals(await all(open), [...records.slice(0, 7), records[9]!]);
  await open.truncate(0);
  assertEquals(await all(open), []);

  const damaged = await fileOf(bytes);
  const before = await RecordFile.open(damaged, { kind: KIND });
  await damaged.truncate(before.position(3) + 30);
  await damaged.append(new Uint8Array(bytes.length - before.position(3) - 30));
  await assertRejects(() => before.read(3), RecordFileError, "record 3");
});

Deno.test("an append that fails leaves the records before it, and the next one is whole", async () => {
  class FullFile extends MemoryFile {
    left = Infinity;
    override async append(bytes: Uint8Array<ArrayBuffer>): Promise<void> {
      await super.append(bytes.subarray(0, this.left));
      if (bytes.length > this.left) throw new Error("disk full");
    }
  }
  const file = new FullFile();
  const open = await RecordFile.open(file, { kind: KIND });
  await open.append(Uint8Array.of(1));
  for (let left = 0; left < 24; left += 5) {
    file.left = left;
    await assertRejects(() => open.append(Uint8Array.of(2)), Error, "disk full");
    assertEquals(open.count, 1);
  }
  file.left = Infinity;
  await open.append(Uint8Array.of(3));
  const again = await RecordFile.open(file, { kind: KIND });
  assertEquals([await all(again), again.droppedBytes], [[Uint8Array.of(1), Uint8Array.of(3)], 0]);
});

Deno.test("flushes come after a number of records, and what was flushed is known when the file is opened", async () => {
  let flushes = 0;
  class CountingFile extends MemoryFile {
    override flush(): Promise<void> {
      flushes++;
      return Promise.resolve();
    }
  }
  const file = new CountingFile();
  const open = await RecordFile.open(file, { kind: KIND, flushRecords: 4 });
  flushes = 0;
  for (let i = 0; i < 11; i++) await open.append(Uint8Array.of(i));
  assertEquals([flushes, open.flushed], [2, 8]);
  assertEquals((await RecordFile.open(file, { kind: KIND })).flushed, 8);
  const timed = await RecordFile.open(file, { kind: KIND, flushSeconds: 0 });
  await timed.append(Uint8Array.of(1));
  assertEquals(timed.flushed, 12);
});

Deno.test("other files and other kinds of records are refused", async () => {
  const bytes = await written([Uint8Array.of(1)]);
  await assertRejects(
    async () => RecordFile.open(await fileOf(bytes), { kind: "ELSE" }),
    RecordFileError,
    `"TEST", and "ELSE" is wanted`,
  );
  await assertRejects(
    async () => RecordFile.open(await fileOf(new Uint8Array(90).fill(65)), { kind: KIND }),
    RecordFileError,
    "does not begin",
  );
  await assertRejects(
    async () => RecordFile.open(await fileOf(new Uint8Array(9).fill(65)), { kind: KIND }),
    RecordFileError,
    "9 bytes",
  );
  for (let at = 8; at < 24; at++) {
    const damaged = bytes.slice();
    damaged[at]! ^= 1;
    await assertRejects(async () => RecordFile.open(await fileOf(damaged), { kind: KIND }), RecordFileError);
  }
});

Deno.test("a frozen file reads as it was, and what is cut off or appended stays with the reader", async () => {
  const file = await fileOf(Uint8Array.of(1, 2, 3, 4, 5, 6));
  const frozen = await frozenFile(file);
  await file.append(Uint8Array.of(7));
  assertEquals(await frozen.size(), 6);
  assertEquals([...await frozen.read(4, 2)], [5, 6]);
  await frozen.truncate(3);
  await frozen.append(Uint8Array.of(9, 8));
  assertEquals([...await frozen.read(1, 4)], [2, 3, 9, 8]);
  assertEquals([...await frozen.read(4, 1)], [8]);
  await frozen.truncate(4);
  assertEquals([await frozen.size(), await file.size()], [4, 7]);
  assertEquals([...await frozen.read(0, 4)], [1, 2, 3, 9]);
});

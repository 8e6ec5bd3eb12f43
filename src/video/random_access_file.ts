import type { RandomAccessFile } from "../place/mod.ts";

/** A file on disk that is read anywhere and written at its end. */
export interface OpenFile extends RandomAccessFile, Disposable {}

/**
 * Opens a file for {@linkcode RandomAccessFile}'s users; makes it if it is not there.
 *
 * @throws {Error} as the file system does.
 */
export async function openFile(path: string | URL): Promise<OpenFile> {
  const file = await Deno.open(path, { read: true, write: true, create: true });
  const move = async <T>(
    offset: number,
    whence: Deno.SeekMode,
    then: (at: number) => Promise<T>,
  ): Promise<T> => await then(await file.seek(offset, whence));
  return {
    size: async () => (await file.stat()).size,
    read: (offset, length) =>
      move(offset, Deno.SeekMode.Start, async () => {
        const bytes = new Uint8Array(length);
        let done = 0;
        while (done < length) {
          const count = await file.read(bytes.subarray(done));
          if (count === null) break;
          done += count;
        }
        return bytes.subarray(0, done);
      }),
    append: (bytes) =>
      move(0, Deno.SeekMode.End, async () => {
        for (let done = 0; done < bytes.length;) done += await file.write(bytes.subarray(done));
      }),
    truncate: (length) => file.truncate(length),
    flush: () => file.sync(),
    [Symbol.dispose]: () => file.close(),
  };
}

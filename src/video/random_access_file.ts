import type { RandomAccessFile } from "../place/mod.ts";

/** A file on disk that is read anywhere and written at its end. */
export interface OpenFile extends RandomAccessFile, Disposable {}

/** How a file is opened. */
export interface OpenFileOptions {
  /** It must be there, and is not changed. */
  readOnly?: boolean;
}

/**
 * Opens a file for {@linkcode RandomAccessFile}'s users; makes it if it is not there. Calls that come while another is under
 * way wait for it, but for a flush.
 *
 * @throws {Error} as the file system does.
 */
export async function openFile(path: string | URL, options: OpenFileOptions = {}): Promise<OpenFile> {
  const mode = options.readOnly ? { read: true } : { read: true, write: true, create: true };
  const file = await Deno.open(path, mode);
  // A file's operations wait for each other, so that one that is flushed would keep readers waiting.
  let flushed: Deno.FsFile | undefined;
  let last: Promise<unknown> = Promise.resolve();
  const inTurn = <T>(act: () => Promise<T>): Promise<T> => {
    const turn = last.then(act);
    last = turn.catch(() => {});
    return turn;
  };
  return {
    size: () => inTurn(async () => (await file.stat()).size),
    read: (offset, length) =>
      inTurn(async () => {
        await file.seek(offset, Deno.SeekMode.Start);
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
      inTurn(async () => {
        await file.seek(0, Deno.SeekMode.End);
        for (let done = 0; done < bytes.length;) done += await file.write(bytes.subarray(done));
      }),
    truncate: (length) => inTurn(() => file.truncate(length)),
    flush: async () => {
      flushed ??= await Deno.open(path, { read: true, write: true });
      await flushed.sync();
    },
    [Symbol.dispose]: () => {
      flushed?.close();
      file.close();
    },
  };
}

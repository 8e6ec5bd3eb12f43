import { MemoryFile } from "./memory_file.ts";
import type { RandomAccessFile } from "./random_access_file.ts";

/**
 * A file as it is now, which is never changed: what is cut off or appended is so only for the reader. Another process may go
 * on writing at the file's end.
 */
export async function frozenFile(file: RandomAccessFile): Promise<RandomAccessFile> {
  let length = await file.size();
  const behind = new MemoryFile();
  return {
    size: async () => length + await behind.size(),
    read: async (offset, count) => {
      const inside = Math.max(0, Math.min(count, length - offset));
      const first = await file.read(offset, inside);
      if (inside === count) return first;
      const rest = await behind.read(Math.max(0, offset - length), count - inside);
      const all = new Uint8Array(first.length + rest.length);
      all.set(first);
      all.set(rest, first.length);
      return all;
    },
    append: (bytes) => behind.append(bytes),
    truncate: async (end) => {
      await behind.truncate(Math.max(0, end - length));
      length = Math.min(length, end);
    },
    flush: () => Promise.resolve(),
  };
}

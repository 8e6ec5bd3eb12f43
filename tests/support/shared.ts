/**
 * Test data that lies beside the repository and is no part of it: networks, clips, images. Tests that need it are
 * left out, and say so, where it is absent.
 *
 * @module
 */

import { existsSync } from "node:fs";
import { fileURLToPath } from "node:url";

/** The folder: `FRAMEWISE_SHARED`, else `../shared` beside the repository. */
const FOLDER = Deno.env.get("FRAMEWISE_SHARED") ??
  fileURLToPath(new URL("../../../shared", import.meta.url)).replace(/\/$/, "");

/** The path of a shared file or folder, such as "models/yolox-nano-416.onnx"; undefined if it is absent. */
export function sharedPath(relativePath: string): string | undefined {
  const path = `${FOLDER}/${relativePath}`;
  return existsSync(path) ? path : undefined;
}

/** Registers a test that needs a shared file or folder, or says in its name that it is left out. */
export function testWithShared(
  name: string,
  relativePath: string,
  fn: (path: string) => void | Promise<void>,
): void {
  const path = sharedPath(relativePath);
  if (path !== undefined) Deno.test(name, () => fn(path));
  else {
    console.log(`left out: "${name}" needs ${relativePath}, which is not in ${FOLDER}`);
    Deno.test({ name: `${name} (left out: ../shared is absent)`, ignore: true, fn: () => {} });
  }
}

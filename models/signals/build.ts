/**
 * Writes signals.onnx beside this file: `deno run --allow-read --allow-write models/signals/build.ts`. Needs no
 * network and no data; the bytes are the same on every run, and a test compares them with the committed file.
 */
import { signalsModel } from "./network.ts";

if (import.meta.main) {
  const target = new URL("./signals.onnx", import.meta.url);
  const bytes = signalsModel();
  await Deno.writeFile(target, bytes);
  console.log(`${target.pathname}: ${bytes.length} bytes`);
}

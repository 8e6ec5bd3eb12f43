import { assertEquals, assertLess, assertStringIncludes } from "@std/assert";
import { ProgressBar, progressLine } from "../../src/cli/progress.ts";

Deno.test("progressLine() shows the share, the rate and what is left", () => {
  assertEquals(progressLine(0, 48, 0), "[........................] 0/48");
  assertEquals(progressLine(12, 48, 4), "[######..................] 12/48  4.0 frames/s  9 s left");
  assertEquals(progressLine(48, 48, 4.04), "[########################] 48/48  4.0 frames/s  0 s left");
});

Deno.test("progressLine() stands more frames than were told, and a source whose count is unknown", () => {
  assertEquals(progressLine(60, 48, 4), "[########################] 60/48  4.0 frames/s  0 s left");
  assertEquals(progressLine(7, undefined, 2), "7 frames  2.0 frames/s");
  assertEquals(progressLine(7, 0, 0), "7 frames");
});

Deno.test("ProgressBar draws over itself, not at every frame, and takes itself away", () => {
  const written: string[] = [];
  const bar = new ProgressBar(1000, false, (text) => written.push(text));
  bar.clear();
  assertEquals(written, [], "nothing to take away");
  bar.say("preparing");
  for (let done = 1; done <= 1000; done++) bar.update(done);
  bar.clear();
  bar.clear();
  assertEquals(written[0], "\r\x1b[2Kpreparing");
  assertStringIncludes(written[1]!, " 1/1000");
  assertEquals(written.filter((text) => text === "\r\x1b[2K").length, 1);
  for (const text of written) assertEquals(text.lastIndexOf("\r\x1b[2K"), 0, "each text takes the line anew");
  assertLess(written.length, 20, "not one for each of 1000 frames");
});

Deno.test("ProgressBar is silent when told so", () => {
  const written: string[] = [];
  const bar = new ProgressBar(10, true, (text) => written.push(text));
  bar.say("preparing");
  bar.update(1);
  bar.clear();
  assertEquals(written, []);
});

/**
 * Deno 2.9.6 may crash while a test process ends, after all its tests have passed and been told, when Mesa's software
 * Vulkan was in use (2 of 120 runs of a test that uses WebGPU alone, without any of this repository's code). What the
 * tests said decides then.
 *
 * @module
 */

/** Exit codes of SIGABRT and SIGSEGV, by which the C library and the kernel end a process whose heap is damaged. */
const CRASHES = [134, 139];

/** The last line of `deno test`, with colours taken away, if nothing failed: `ok | 12 passed | 0 failed (2s)`. */
const ALL_PASSED = /^ok \| [1-9]\d* passed\b.*\| 0 failed\b/m;

/** Whether a test run that ended by a crash had said before that all tests passed. */
export function crashedAfterPassing(code: number, lastOutput: string): boolean {
  // deno-lint-ignore no-control-regex
  return CRASHES.includes(code) && ALL_PASSED.test(lastOutput.replace(/\x1b\[[0-9;]*m/g, ""));
}

/** How much of the end of the output is kept to look for the summary. */
const KEPT = 4096;

/** Passes a stream on to standard output as it comes; gives its last characters. */
export async function passOn(output: ReadableStream<Uint8Array>): Promise<string> {
  const decoder = new TextDecoder();
  let last = "";
  for await (const chunk of output) {
    for (let at = 0; at < chunk.length;) at += await Deno.stdout.write(chunk.subarray(at));
    last = (last + decoder.decode(chunk, { stream: true })).slice(-KEPT);
  }
  return last;
}

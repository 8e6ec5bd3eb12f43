import { assertEquals } from "@std/assert";
import { crashedAfterPassing } from "../../tools/test_outcome.ts";

const PASSED =
  "\n\x1b[0m\x1b[32mok\x1b[0m | 30 passed (2 steps) | 0 failed | 4 filtered out \x1b[0m(5s)\x1b[0m\n\n";

Deno.test("a crash after all tests passed counts as passed, any other end does not", () => {
  assertEquals(crashedAfterPassing(134, PASSED), true);
  assertEquals(crashedAfterPassing(139, PASSED), true);
  assertEquals(crashedAfterPassing(1, PASSED), false);
  assertEquals(crashedAfterPassing(134, "FAILED | 29 passed | 1 failed (5s)"), false);
  assertEquals(crashedAfterPassing(134, "ok | 0 passed | 0 failed (0ms)"), false);
  assertEquals(crashedAfterPassing(134, "running 30 tests from a_test.ts\nfirst ... ok (2ms)\n"), false);
});

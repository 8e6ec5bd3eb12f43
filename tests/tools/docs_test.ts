import { assertEquals, assertMatch, assertNotMatch } from "@std/assert";
import { filterOf, runnableExamples, runnableOnly } from "../../tools/docs.ts";

const FENCE = "```";

Deno.test("runnableExamples() finds the fences of code, but not those that say no-eval or ignore", () => {
  const lines = [
    "/**",
    ` * ${FENCE}ts no-eval`,
    ` * ${FENCE}`,
    ` * ${FENCE}ts`,
    `${FENCE}ts ignore`,
    `${FENCE}js`,
  ];
  assertEquals(runnableExamples([...lines, `${FENCE}sh`, `${FENCE}`].join("\n")), [4, 6]);
});

Deno.test("filterOf() names those places and no others", () => {
  const filter = new RegExp(
    filterOf(new Map([["src/a.ts", [2, 30]], ["README.md", [7]], ["src/b.ts", []]])).slice(1, -1),
  );
  const names: [string, boolean][] = [
    ["file:///x/src/a.ts#2-6.ts", true],
    ["file:///x/src/a.ts#30-31.ts", true],
    ["file:///x/src/a.ts#3-6.ts", false],
    ["file:///x/src/a.ts#20-36.ts", false],
    ["file:///x/src/axts#2-6.ts", false],
    ["file:///x/src/b.ts#2-6.ts", false],
    ["file:///x/README.md#7-9.ts", true],
    ["file:///x/README.md#17-19.ts", false],
  ];
  for (const [name, isRun] of names) assertEquals(filter.test(name), isRun, name);
});

Deno.test("deno test --doc runs what runnableOnly() names, and checks the types of the rest", async () => {
  const folder = await Deno.makeTempDir();
  const path = `${folder}/a.ts`;
  const example = (fence: string, code: string): string => `/**\n * ${fence}\n * ${code}\n * ${FENCE}\n */\n`;
  const testDocs = async (): Promise<string> => {
    const args = ["test", "--no-lock", "--doc", "--filter", await runnableOnly([path]), path];
    const { stdout, stderr } = await new Deno.Command(Deno.execPath(), { args, env: { NO_COLOR: "1" } })
      .output();
    return new TextDecoder().decode(stdout) + new TextDecoder().decode(stderr);
  };
  try {
    const run = `${example(`${FENCE}ts`, 'console.log("was run");')}export const a = 1;\n`;
    const checked = example(`${FENCE}ts no-eval`, 'throw new Error("must not run");');
    await Deno.writeTextFile(path, `${run}${checked}export const b = 2;\n`);
    const output = await testDocs();
    assertMatch(output, /ok \| 1 passed \| 0 failed \| 1 filtered out/);
    assertMatch(output, /was run/);
    assertNotMatch(output, /must not run/);

    const wrong = example(`${FENCE}ts no-eval`, 'const n: number = "text"; console.log(n);');
    await Deno.writeTextFile(path, `${run}${wrong}export const b = 2;\n`);
    assertMatch(await testDocs(), /TS2322/);
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
});

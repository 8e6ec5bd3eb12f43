import { assert, assertEquals, assertStringIncludes } from "@std/assert";
import { main } from "../../src/cli/mod.ts";
import { inProcess, runFramewise } from "../cli/command.ts";
import { sharedPath, testWithShared } from "../support/shared.ts";
import { inFolder } from "../video/media.ts";

/** What `framewise eval loops --json` tells, as far as it is looked at. */
interface Judged {
  by: string;
  numbering: string;
  frames: number;
  framesWithMatch: number;
  atFullPrecision?: { recall: number };
  recallAt: { k: number; right: number }[];
  decided: { loops: number; right: number };
}

/** Runs `framewise loops` on the corridor, and judges its JSON lines. */
async function corridor(folder: string, ...args: string[]): Promise<Judged> {
  let judged!: Judged;
  await inFolder(async (temporary) => {
    const json = `${temporary}/a.jsonl`;
    const ran = await runFramewise(["loops", folder, ...args, "--json", json, "--strict"]);
    assertEquals([ran.code, ran.err], [0, ""]);
    assertStringIncludes(ran.out, "84 frames in ");
    const evaluated = await inProcess(() =>
      main(["eval", "loops", json, "--truth", `${folder}/loops.json`, "--json"])
    );
    assertEquals([evaluated.code, evaluated.err], [0, ""]);
    judged = JSON.parse(evaluated.out);
  });
  assertEquals([judged.frames, judged.framesWithMatch, judged.numbering], [84, 44, "names"]);
  return judged;
}

testWithShared(
  "framewise loops finds the corridor's second lap by MobileNet alone",
  "loops/corridor",
  async (folder) => {
    const net = sharedPath("models/mobilenet-v1-1.0-224-embed.onnx");
    assert(net, "the network is not beside the images");
    const { by, recallAt, atFullPrecision } = await corridor(folder, "--embed", net);
    assertEquals(by, "similarity");
    // What ONNX Runtime and NumPy give.
    assert(recallAt[0]!.right >= 43, JSON.stringify(recallAt));
    assert(atFullPrecision!.recall >= 0.84, JSON.stringify(atFullPrecision));
  },
);

testWithShared(
  "framewise loops finds it by ORB and DBoW3's vocabulary, without a network",
  "loops/corridor",
  async (folder) => {
    const words = sharedPath("vocabulary/orb-k10-l5.dbow3.yml.gz");
    assert(words, "the vocabulary is not beside the images");
    const { by, recallAt, decided } = await corridor(folder, "--features", "orb", "--vocabulary", words);
    assertEquals(by, "inliers");
    assert(recallAt[0]!.right >= 40, JSON.stringify(recallAt));
    assert(decided.right >= 30 && decided.right === decided.loops, JSON.stringify(decided));
  },
);

testWithShared(
  "framewise loops refuses a vocabulary of other features by name",
  "models/xfeat-640.onnx",
  async (net) => {
    const words = sharedPath("vocabulary/orb-k10-l5.dbow3.yml.gz"), images = sharedPath("loops/corridor");
    assert(words && images, "the vocabulary or the images are not there");
    const { code, out, err } = await inProcess(() =>
      main(["loops", images, "--features", net, "--vocabulary", words, "--json", "-"])
    );
    assertEquals([code, out], [2, ""]);
    assertStringIncludes(err, "is for descriptors of 256 bits, and those of --features xfeat are 64 floats");
  },
);

testWithShared("framewise loops says what a network of another kind is for", "models", async (folder) => {
  const images = sharedPath("loops/corridor");
  assert(images, "the images are not there");
  const cases: [string[], string][] = [
    [["--embed", `${folder}/xfeat-640.onnx`], `"xfeat" finds local features; give it as --features`],
    [["--embed", `${folder}/yolox-nano-416.onnx`], `"yolox-nano" detects objects`],
    [
      [
        "--embed",
        `${folder}/mobilenet-v1-0.25-128.onnx`,
        "--features",
        `${folder}/mobilenet-v1-0.25-128.onnx`,
      ],
      `"mobilenet-v1-0.25" describes whole images; give it as --embed`,
    ],
  ];
  for (const [args, message] of cases) {
    const { code, err } = await inProcess(() => main(["loops", images, ...args]));
    assertEquals(code, 1, err);
    assertStringIncludes(err, message);
  }
});

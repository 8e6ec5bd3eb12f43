import { assert, assertEquals, assertMatch, assertStringIncludes } from "@std/assert";
import { main } from "../../src/cli/mod.ts";
import { openVocabulary } from "../../src/cli/vocabulary_file.ts";
import { DescriptorCollection } from "../../src/cli/vocabulary_training.ts";
import { type DescriptorForm, writeBinaryForm } from "../../src/place/mod.ts";
import { sampleVocabulary } from "../place/vocabulary/vocabulary_samples.ts";
import { Random } from "../support/random.ts";
import { tinyEmbedding } from "../support/tiny_embedding.ts";
import { inFolder } from "../video/media.ts";
import { inProcess, isOneMessage, type Outcome } from "./command.ts";
import { writeWalk } from "./walk_images.ts";

const vocabulary = (...args: string[]): Promise<Outcome> => inProcess(() => main(["vocabulary", ...args]));

async function names(folder: string): Promise<string[]> {
  return (await Array.fromAsync(Deno.readDir(folder))).map(({ name }) => name).sort();
}

const FORMS: readonly DescriptorForm[] = [{ kind: "binary", size: 32 }, { kind: "float", size: 6 }];

Deno.test("framewise vocabulary convert takes a vocabulary through every form and back", async () => {
  await inFolder(async (folder) => {
    for (const form of FORMS) {
      const sample = sampleVocabulary(new Random(3), { k: 4, levels: 3, form });
      await Deno.writeFile(`${folder}/a.fwv`, writeBinaryForm(sample));
      let from = `${folder}/a.fwv`;
      const steps = ["b.txt", "c.yml", "d.yaml.gz", "e.txt.gz", "f.fwv.gz", "g.fwv"];
      for (const step of steps) {
        const to = `${folder}/${step}`;
        // A text does not say whether numbers that are all bytes are bits.
        const { code, out, err } = await vocabulary("convert", from, to, "--kind", form.kind);
        assertEquals([code, err], [0, ""], `${form.kind} ${step}`);
        assertStringIncludes(out, `${sample.wordCount.toLocaleString("en")} words`);
        const bytes = await Deno.readFile(to);
        assertEquals(bytes[0] === 0x1f && bytes[1] === 0x8b, step.endsWith(".gz"), step);
        from = to;
      }
      assertEquals(await openVocabulary(from), sample);
      assertEquals(await Deno.readFile(`${folder}/g.fwv`), await Deno.readFile(`${folder}/a.fwv`));
      assertEquals((await names(folder)).length, steps.length + 1, "nothing else is left");
      const { code } = await vocabulary("convert", `${folder}/a.fwv`, `${folder}/dbow2.yml`, "--dbow2");
      assertEquals(code, 0);
      const [dbow3, dbow2] = [`${folder}/c.yml`, `${folder}/dbow2.yml`].map((path) =>
        Deno.readTextFileSync(path)
      );
      assertMatch(dbow3!, form.kind === "float" ? /descriptor:"5 6 / : /descriptor:"0 32 /);
      assert(dbow2!.length < dbow3!.length);
      await Deno.remove(`${folder}/dbow2.yml`);
    }
  });
});

Deno.test("framewise vocabulary info tells what a vocabulary is, to people and programs", async () => {
  await inFolder(async (folder) => {
    const [binary, float] = FORMS.map((form) =>
      sampleVocabulary(new Random(4), { k: 5, levels: 3, form, weighting: "tf", scoring: "dot" })
    );
    await Deno.writeFile(`${folder}/bits.fwv`, writeBinaryForm(binary!));
    await Deno.writeFile(`${folder}/floats.fwv`, writeBinaryForm(float!));
    const told = await vocabulary("info", `${folder}/bits.fwv`);
    assertEquals([told.code, told.err], [0, ""]);
    assertStringIncludes(told.out, "descriptors of 256 bits, compared by Hamming distance");
    assertStringIncludes(told.out, "k 5, L 3\nweighting tf, score dot");
    assertStringIncludes((await vocabulary("info", `${folder}/floats.fwv`)).out, "descriptors of 6 floats");
    const { out } = await vocabulary("info", `${folder}/floats.fwv`, "--json");
    const { size } = await Deno.stat(`${folder}/floats.fwv`);
    assertEquals(JSON.parse(out), {
      file: `${folder}/floats.fwv`,
      bytes: size,
      descriptors: { kind: "float", size: 6 },
      k: 5,
      levels: 3,
      weighting: "tf",
      scoring: "dot",
      nodes: float!.nodeCount,
      words: float!.wordCount,
    });
  });
});

Deno.test("framewise vocabulary says what is wrong with a file in one line, and leaves OUT as it was", async () => {
  await inFolder(async (folder) => {
    const sample = writeBinaryForm(sampleVocabulary(new Random(5), { k: 3, levels: 2, form: FORMS[0]! }));
    await Deno.writeFile(`${folder}/a.fwv`, sample);
    await Deno.writeFile(`${folder}/cut.fwv`, sample.subarray(0, 100));
    await Deno.writeTextFile(`${folder}/text.txt`, "Lorem ipsum");
    await Deno.writeTextFile(`${folder}/out.yml`, "before");
    const cases: [string[], number, string][] = [
      [["info", `${folder}/none.fwv`], 1, `none.fwv": there is no such file`],
      [["info", folder], 1, "it is a folder"],
      [["info", `${folder}/cut.fwv`], 1, "is the file cut off?"],
      [["info", `${folder}/text.txt`], 1, `begin with "Lorem ipsum"`],
      [["convert", `${folder}/cut.fwv`, `${folder}/out.yml`], 1, "is the file cut off?"],
      [["convert", `${folder}/a.fwv`, `${folder}/none/out.yml`], 1, "its folder does not exist"],
      [["convert", `${folder}/a.fwv`, `${folder}/a.fwv`], 2, "is IN itself"],
      [["convert", `${folder}/a.fwv`, `${folder}/b`], 2, "ends in no known form"],
    ];
    for (const [args, expected, message] of cases) {
      const { code, out, err } = await vocabulary(...args);
      assertEquals([code, out], [expected, ""], `${args}: ${err}`);
      assertStringIncludes(err, message);
      assert(isOneMessage(err, "framewise vocabulary"), err);
    }
    assertEquals(await Deno.readTextFile(`${folder}/out.yml`), "before");
    assertEquals(await names(folder), ["a.fwv", "cut.fwv", "out.yml", "text.txt"]);
  });
});

Deno.test("framewise vocabulary train makes the same vocabulary of the same images, and tells of it", async () => {
  await inFolder(async (folder) => {
    await writeWalk(`${folder}/a`, 6);
    await writeWalk(`${folder}/b`, 3);
    const sources = [`${folder}/a`, `${folder}/b/3.pgm`];
    const settings = [
      "--features",
      "orb",
      "--max-features",
      "200",
      "--k",
      "4",
      "--levels",
      "3",
      "--scoring",
      "l2",
    ];
    const train = async (out: string, ...args: string[]): Promise<string> => {
      const { code, out: told, err } = await vocabulary(
        "train",
        ...sources,
        ...settings,
        "--out",
        out,
        ...args,
      );
      assertEquals([code, err], [0, ""], err);
      return told;
    };
    const told = await train(`${folder}/one.fwv`, "--seed", "3");
    assertMatch(told, /^features: ORB\n[\d,]+ descriptors of 7 frames, trained in [\d.]+ s\n/);
    assertMatch(told, /\n[\d,]+ words, [\d,]+ nodes; k 4, L 3\nweighting tf-idf, score l2\n.*one\.fwv: /);
    const one = await openVocabulary(`${folder}/one.fwv`);
    assertEquals([one.form, one.k, one.levels], [{ kind: "binary", size: 32 }, 4, 3]);
    assert(one.wordCount > 30 && one.wordCount <= 64, `${one.wordCount} words`);
    await train(`${folder}/two.txt`, "--seed", "3");
    assertEquals(await openVocabulary(`${folder}/two.txt`, "binary"), one);
    assertStringIncludes(
      await train(`${folder}/few.fwv`, "--max-descriptors", "500"),
      " (of 7: --max-descriptors), trained",
    );
    assertStringIncludes(
      await train(`${folder}/short.fwv`, "--limit-seconds", "0"),
      "closed after 1 of 3 levels",
    );
    assertEquals(await train(`${folder}/quiet.fwv`, "--quiet", "--limit", "2"), "");
  });
});

Deno.test("framewise vocabulary train says what is wrong, and writes nothing", async () => {
  await inFolder(async (folder) => {
    await writeWalk(`${folder}/a`, 2);
    await Deno.mkdir(`${folder}/grey`);
    for (const name of ["1", "2"]) {
      const head = new TextEncoder().encode("P5 192 144 255\n");
      const pixels = new Uint8Array(192 * 144).fill(100);
      await Deno.writeFile(`${folder}/grey/${name}.pgm`, new Uint8Array([...head, ...pixels]));
    }
    await Deno.writeFile(`${folder}/net.onnx`, tinyEmbedding());
    const cases: [string[], number, string][] = [
      [[`${folder}/none`, "--features", "orb"], 1, "there is no such file or folder"],
      [[`${folder}/a`, "--features", "/nowhere/net.onnx"], 1, "there is no model file"],
      [[`${folder}/a`, "--features", `${folder}/net.onnx`], 2, "finds no local features"],
      [[`${folder}/grey`, "--features", "orb"], 1, "no local features were found in 2 frames"],
      [[`${folder}/a/1.pgm`, "--features", "orb"], 1, `1 images with the weighting "tf-idf"`],
    ];
    for (const [args, expected, message] of cases) {
      const { code, out, err } = await vocabulary("train", ...args, "--out", `${folder}/out.fwv`);
      assertEquals([code, out], [expected, ""], `${args}: ${err}`);
      assertStringIncludes(err, message);
      assert(isOneMessage(err, "framewise vocabulary"), err);
    }
    assertEquals(await names(folder), ["a", "grey", "net.onnx"]);
  });
});

Deno.test("DescriptorCollection keeps whole images, and of too many every second one", async () => {
  const collection = new DescriptorCollection(4, 30);
  for (let i = 0; i < 11; i++) {
    const descriptors = new Uint8Array(4 * 5).fill(i);
    await collection.write({}, { descriptors, points: new Float32Array(10), scores: new Float32Array(5) });
  }
  assertEquals(collection.images.map(([first]) => first), [0, 2, 4, 6, 8, 10]);
  assertEquals([collection.count, collection.seen], [30, 11]);
});

/**
 * `framewise vocabulary`: trains vocabularies, tells what they are, and writes them in other forms.
 *
 * @module
 */
import { formatBytes } from "../gpu/mod.ts";
import { isSameFile } from "../video/mod.ts";
import { type Arguments, readArguments } from "./arguments.ts";
import { reportFailure, UsageError } from "./failure.ts";
import { describeVocabulary } from "./vocabulary_description.ts";
import {
  formOfName,
  openVocabulary,
  parseVocabulary,
  readVocabularyFile,
  saveVocabulary,
} from "./vocabulary_file.ts";
import { TRAIN_USAGE, trainCommand } from "./vocabulary_training.ts";

/** The text of `framewise vocabulary --help`. */
export const VOCABULARY_USAGE = `Usage:
${TRAIN_USAGE}
  framewise vocabulary info FILE [--kind float|binary] [--json]
                                            what a vocabulary is
  framewise vocabulary convert IN OUT [--kind float|binary] [--dbow2]
                                            writes it in the form that OUT ends in: .fwv Framewise's own,
                                            .txt DBoW2's text, .yml DBoW3's YAML (--dbow2: DBoW2's), each
                                            also with .gz; --kind where a text does not say what the
                                            descriptors are`;

/** Runs `framewise vocabulary ARGS`; returns the exit code. */
export async function vocabularyCommand(args: readonly string[]): Promise<number> {
  try {
    const [action, ...rest] = args;
    const run = ACTIONS[action ?? ""];
    if (action === "--help" || action === "-h") {
      console.log(VOCABULARY_USAGE);
      return 0;
    }
    if (!run) {
      const known = Object.keys(ACTIONS).join(", ");
      throw new UsageError(
        action === undefined
          ? `say what to do: ${known}`
          : `there is no vocabulary ${action}; there are ${known}`,
      );
    }
    await run(rest);
    return 0;
  } catch (error) {
    return reportFailure("framewise vocabulary", error, "see: framewise vocabulary --help");
  }
}

const ACTIONS: Readonly<Record<string, (args: readonly string[]) => Promise<void>>> = {
  train: async (args) => {
    if (!await trainCommand(args)) console.log(VOCABULARY_USAGE);
  },
  info,
  convert,
};

async function info(args: readonly string[]): Promise<void> {
  const given = readArguments(args, { flags: ["json"], values: ["kind"] });
  if (given.flag("help")) return console.log(VOCABULARY_USAGE);
  const [file, ...rest] = given.positional;
  if (file === undefined || rest.length > 0) throw new UsageError("vocabulary info takes one file");
  const kind = kindOf(given);
  const begun = performance.now();
  const bytes = await readVocabularyFile(file);
  const vocabulary = await parseVocabulary(file, bytes, kind);
  const milliseconds = performance.now() - begun;
  const { k, levels, weighting, scoring, form, nodeCount, wordCount } = vocabulary;
  if (given.flag("json")) {
    const settings = { k, levels, weighting, scoring, nodes: nodeCount, words: wordCount };
    return console.log(JSON.stringify({ file, bytes: bytes.length, descriptors: form, ...settings }));
  }
  console.log([
    `${file}: ${formatBytes(bytes.length)}, read in ${milliseconds.toFixed(0)} ms`,
    ...describeVocabulary(vocabulary),
  ].join("\n"));
}

async function convert(args: readonly string[]): Promise<void> {
  const given = readArguments(args, { flags: ["dbow2"], values: ["kind"] });
  if (given.flag("help")) return console.log(VOCABULARY_USAGE);
  const [from, to, ...rest] = given.positional;
  if (from === undefined || to === undefined || rest.length > 0) {
    throw new UsageError("vocabulary convert takes two files: IN and OUT");
  }
  const { form } = formOfName(to);
  if (given.flag("dbow2") && form !== "yaml") throw new UsageError("--dbow2 goes with .yml");
  if (await isSameFile(from, to)) throw new UsageError(`"${to}" is IN itself; write to another file`);
  const vocabulary = await openVocabulary(from, kindOf(given));
  const bytes = await saveVocabulary(vocabulary, to, given.flag("dbow2") ? "dbow2" : "dbow3");
  console.log([`${to}: ${formatBytes(bytes)}`, ...describeVocabulary(vocabulary)].join("\n"));
}

function kindOf(given: Arguments): "float" | "binary" | undefined {
  const kind = given.value("kind");
  if (kind === undefined || kind === "float" || kind === "binary") return kind;
  throw new UsageError(`--kind is "${kind}"; there are float, binary`);
}

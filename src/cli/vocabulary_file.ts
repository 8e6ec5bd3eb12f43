/**
 * Vocabulary files by name: which form a name asks for, reading and writing.
 *
 * @module
 */
import { type EmbeddedName, embeddedVocabulary } from "../embedded/mod.ts";
import { readVocabulary, type Vocabulary, VocabularyError } from "../place/vocabulary/mod.ts";
import { writeBinaryForm } from "../place/vocabulary/binary_form.ts";
import { writeTextForm } from "../place/vocabulary/text_form.ts";
import { writeYamlForm } from "../place/vocabulary/yaml_form.ts";
import { checkWritable, writeProblem } from "../video/output.ts";
import { UsageError } from "./failure.ts";
import { readProblem } from "./read_problem.ts";

/** How a vocabulary is written. */
export interface VocabularyForm {
  readonly form: "binary" | "text" | "yaml";
  readonly gzip: boolean;
}

/** The endings of each form, without `.gz`. */
const ENDINGS: Readonly<Record<string, VocabularyForm["form"]>> = {
  fwv: "binary",
  txt: "text",
  yml: "yaml",
  yaml: "yaml",
};

/** The form that a name asks for. @throws {UsageError} listing the endings. */
export function formOfName(path: string): VocabularyForm {
  const [, ending, gz] = /\.([^./\\]+?)(\.gz)?$/i.exec(path) ?? [];
  const form = ENDINGS[ending?.toLowerCase() ?? ""];
  if (form !== undefined) return { form, gzip: gz !== undefined };
  throw new UsageError(
    `"${path}" ends in no known form of vocabulary; there are .fwv (Framewise's own), .txt (DBoW2's text) and .yml ` +
      `(DBoW3's YAML), each also with .gz`,
  );
}

/** The name of the vocabulary that comes with Framewise. */
export const TOWN_WORDS = "town-words" satisfies EmbeddedName;

/**
 * Reads the file of a vocabulary; `town-words` is the one that comes with Framewise, unless there is a file of that name.
 *
 * @throws {VocabularyError} with the file's name, if it cannot be read.
 * @throws {EmbeddedNetworkError} if the one that comes with Framewise cannot be read.
 */
export async function readVocabularyFile(path: string): Promise<Uint8Array<ArrayBuffer>> {
  try {
    return await Deno.readFile(path);
  } catch (error) {
    if (path === TOWN_WORDS && error instanceof Deno.errors.NotFound) return await embeddedVocabulary();
    throw new VocabularyError(`Cannot read vocabulary "${path}": ${readProblem(error)}`, { cause: error });
  }
}

/**
 * The vocabulary in a file of any form.
 *
 * @throws {VocabularyError} with the file's name, if it cannot be read or is none; else as {@linkcode readVocabularyFile} does.
 */
export async function openVocabulary(path: string, kind?: "float" | "binary"): Promise<Vocabulary> {
  return await parseVocabulary(path, await readVocabularyFile(path), kind);
}

/** The vocabulary in the bytes of a file. @throws {VocabularyError} with the file's name, if there is none. */
export async function parseVocabulary(
  path: string,
  bytes: Uint8Array<ArrayBuffer>,
  kind?: "float" | "binary",
): Promise<Vocabulary> {
  try {
    return await readVocabulary(bytes, kind === undefined ? {} : { kind });
  } catch (error) {
    if (!(error instanceof VocabularyError)) throw error;
    throw new VocabularyError(error.message.replace(/^Cannot read vocabulary/, `$& "${path}"`), {
      cause: error,
    });
  }
}

/**
 * Writes a vocabulary in the form that its name asks for. It takes its place at once, when all of it is written.
 *
 * @returns its bytes.
 * @throws {UsageError} if the name asks for no form.
 * @throws {SinkError}, {VocabularyError} if it cannot be written.
 */
export async function saveVocabulary(
  vocabulary: Vocabulary,
  path: string,
  flavour: "dbow2" | "dbow3" = "dbow3",
): Promise<number> {
  const { form, gzip } = formOfName(path);
  await checkWritable(path);
  const parts: Iterable<string> = form === "text"
    ? writeTextForm(vocabulary)
    : form === "yaml"
    ? writeYamlForm(vocabulary, { flavour })
    : [];
  const encoder = new TextEncoder();
  const encoded = form === "binary"
    ? [writeBinaryForm(vocabulary)]
    : function* (): Generator<Uint8Array<ArrayBuffer>> {
      for (const part of parts) yield encoder.encode(part);
    }();
  const temporary = `${path}.${crypto.randomUUID()}.part`;
  try {
    const file = await Deno.open(temporary, { write: true, createNew: true });
    const bytes = ReadableStream.from(encoded);
    await (gzip ? bytes.pipeThrough(new CompressionStream("gzip")) : bytes).pipeTo(file.writable);
    await Deno.rename(temporary, path);
  } catch (error) {
    await Deno.remove(temporary).catch(() => {});
    throw new VocabularyError(`Cannot write vocabulary "${path}": ${writeProblem(error)}`, { cause: error });
  }
  return (await Deno.stat(path)).size;
}

import { isBinaryForm, readBinaryForm } from "./binary_form.ts";
import { VocabularyError } from "./errors.ts";
import { readTextForm } from "./text_form.ts";
import { readYamlForm } from "./yaml_form.ts";
import type { Vocabulary } from "./vocabulary.ts";

/**
 * Reads a vocabulary of any form, compressed by gzip or not: Framewise's own, DBoW2's text, DBoW2's or DBoW3's YAML.
 *
 * @param options.kind what the descriptors are, where the file does not say it.
 * @throws {VocabularyError} if it is none of these, or its content is wrong.
 */
export async function readVocabulary(
  bytes: Uint8Array<ArrayBuffer>,
  options: { kind?: "float" | "binary" } = {},
): Promise<Vocabulary> {
  const content = bytes[0] === 0x1f && bytes[1] === 0x8b ? await gunzip(bytes) : bytes;
  if (isBinaryForm(content)) return readBinaryForm(content);
  const start = new TextDecoder("latin1").decode(content.subarray(0, 4096));
  if (/^\s*\d+[ \t]+\d+[ \t]+\d+[ \t]+\d+\s*(\n|$)/.test(start)) return readTextForm(content, options);
  if (/^%YAML|^\s*vocabulary\s*:/m.test(start)) {
    return readYamlForm(new TextDecoder().decode(content), options);
  }
  throw new VocabularyError(
    `Cannot read vocabulary: ${content.length} bytes that begin with ${
      JSON.stringify(start.slice(0, 24))
    }; it is neither ` +
      `Framewise's own form, nor DBoW2's text, nor YAML`,
  );
}

async function gunzip(bytes: Uint8Array<ArrayBuffer>): Promise<Uint8Array<ArrayBuffer>> {
  try {
    const stream = new Blob([bytes]).stream().pipeThrough(new DecompressionStream("gzip"));
    return new Uint8Array(await new Response(stream).arrayBuffer());
  } catch (cause) {
    throw new VocabularyError(
      "Cannot read vocabulary: its gzip compression is damaged; is the file cut off?",
      {
        cause,
      },
    );
  }
}

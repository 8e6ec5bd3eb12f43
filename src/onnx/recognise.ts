/**
 * Says what a file is that is no ONNX model.
 *
 * @module
 */

/** Bytes that begin a kind of file, from a place in it on. */
interface Signature {
  readonly offset: number;
  readonly bytes: readonly number[] | string;
  readonly verdict: string;
}

const USE_ONNX = "give the path of a .onnx file";
const EXPORT = "export the network to ONNX";

const SIGNATURES: readonly Signature[] = [
  { offset: 0, bytes: [0xff, 0xd8, 0xff], verdict: `it is a JPEG image; ${USE_ONNX}` },
  { offset: 0, bytes: [0x89, 0x50, 0x4e, 0x47], verdict: `it is a PNG image; ${USE_ONNX}` },
  { offset: 0, bytes: "GIF8", verdict: `it is a GIF image; ${USE_ONNX}` },
  { offset: 0, bytes: "%PDF", verdict: `it is a PDF document; ${USE_ONNX}` },
  { offset: 4, bytes: "ftyp", verdict: `it is a video or image in an MP4 container; ${USE_ONNX}` },
  { offset: 0, bytes: "RIFF", verdict: `it is a RIFF file (WebP, AVI or WAV); ${USE_ONNX}` },
  { offset: 0, bytes: [0x1a, 0x45, 0xdf, 0xa3], verdict: `it is a Matroska or WebM video; ${USE_ONNX}` },
  {
    offset: 0,
    bytes: [0x50, 0x4b, 0x03, 0x04],
    verdict: `it is a ZIP archive (PyTorch's .pt files are such); unpack it, or ${EXPORT}`,
  },
  { offset: 0, bytes: [0x1f, 0x8b], verdict: "it is compressed by gzip; unpack it first" },
  { offset: 0, bytes: [0x80, 0x02], verdict: `it is a Python pickle (an old PyTorch file?); ${EXPORT}` },
  { offset: 0, bytes: [0x89, 0x48, 0x44, 0x46], verdict: `it is an HDF5 file (Keras?); ${EXPORT}` },
  { offset: 4, bytes: "TFL3", verdict: `it is a TensorFlow Lite model; ${EXPORT}` },
  {
    offset: 4,
    bytes: "ORTM",
    verdict: "it is in ONNX Runtime's own ORT format; give the .onnx file instead",
  },
  { offset: 0, bytes: "GGUF", verdict: `it is a GGUF model; ${EXPORT}` },
  {
    offset: 0,
    bytes: "version https://git-lfs",
    verdict:
      "it is a Git LFS pointer, not the file that it points to; run `git lfs pull`, or download that file",
  },
];

/**
 * What the file is, as far as its beginning tells, and what to do about it; undefined if it may be a damaged ONNX
 * model. To be asked only after reading it as one has failed: a few of the signatures could begin a valid model.
 */
export function recognise(file: Uint8Array): string | undefined {
  for (const { offset, bytes, verdict } of SIGNATURES) {
    const wanted = typeof bytes === "string" ? new TextEncoder().encode(bytes) : bytes;
    if (wanted.every((byte, i) => file[offset + i] === byte)) return verdict;
  }
  const head = file.subarray(0, 512);
  if (file.length >= 16 && file[8] === 0x7b && [2, 3, 4, 5, 6, 7].every((i) => i < 4 || file[i] === 0)) {
    return `it is a safetensors file, which holds weights without a network; ${EXPORT}`;
  }
  if (head.every((byte) => byte === 0)) return "it is all zeros: the download broke off; download it again";
  if (!isText(head)) return undefined;
  const text = new TextDecoder().decode(head).trimStart().toLowerCase();
  if (text.startsWith("<!doctype html") || text.startsWith("<html")) {
    return "it is an HTML page: the download gave a web page; download the file itself (the raw link)";
  }
  if (text.startsWith("<?xml") || text.startsWith("<")) return `it is an XML file; ${USE_ONNX}`;
  if (text.startsWith("{") || text.startsWith("[")) return `it is a JSON file; ${USE_ONNX}`;
  return `it is a text file; ${USE_ONNX}`;
}

/** Whether the bytes are UTF-8 without control characters; a character cut off at the end is allowed. */
function isText(bytes: Uint8Array): boolean {
  if (!bytes.every((byte) => byte >= 0x20 && byte !== 0x7f || byte === 9 || byte === 10 || byte === 13)) {
    return false;
  }
  try {
    new TextDecoder("utf-8", { fatal: true }).decode(bytes, { stream: true });
    return true;
  } catch {
    return false;
  }
}

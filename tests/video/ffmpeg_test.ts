import { assertEquals } from "@std/assert";
import { ffmpegPath, parseLogLine, shortReason } from "../../src/video/ffmpeg.ts";
import { parseFrameLine } from "../../src/video/decode_video.ts";
import { parsePpmHead } from "../../src/video/decode_images.ts";
import { passthroughOption } from "../../src/video/probe.ts";
import { naturalOrder } from "../../src/video/files.ts";

Deno.test("parseLogLine() takes level, component and text apart", () => {
  assertEquals(parseLogLine("[h264 @ 0x55d2] [error] Invalid NAL unit size"), {
    level: "error",
    component: "h264",
    text: "Invalid NAL unit size",
  });
  assertEquals(parseLogLine("[swscaler @ 0x1] [swscaler @ 0x2] [warning] deprecated")?.component, "swscaler");
  assertEquals(parseLogLine("[fatal] Error marking filters as finished")?.component, "");
  assertEquals(parseLogLine("  Metadata:"), undefined);
});

Deno.test("parseFrameLine() reads the frame lines of ffmpeg 4 to 7", () => {
  const lines: [string, ReturnType<typeof parseFrameLine>][] = [
    [
      "n:   2 pts:   2048 pts_time:0.08    pos:   204207 fmt:yuv420p sar:1/1 s:1280x720 i:P iskey:0 type:P",
      { pts: 2048, width: 1280, height: 720 },
    ],
    [
      "n:   0 pts:      0 pts_time:0       duration:      1 duration_time:0.04    fmt:yuv420p cl:left sar:1/1 s:66x50 i:P iskey:1 type:I ",
      { pts: 0, width: 66, height: 50 },
    ],
    [
      "n:   7 pts: NOPTS pts_time:NOPTS   pos:-1 fmt:gray sar:0/1 s:1x1 i:P iskey:1 type:I",
      { pts: undefined, width: 1, height: 1 },
    ],
    ["color_range:tv color_space:bt709", undefined],
  ];
  for (const [line, expected] of lines) assertEquals(parseFrameLine(line), expected, line);
});

Deno.test("shortReason() prefers the cause to its consequences, and says what it means", () => {
  const lines = (text: string) => text.split("\n").map(parseLogLine).filter((line) => line !== undefined);
  assertEquals(
    shortReason(
      lines(
        "[mjpeg @ 0x1] [warning] EOI missing, emulating\n[mjpeg @ 0x1] [error] overread 8\n" +
          "[error] Error while decoding stream #0:0: Invalid data found when processing input",
      ),
      "x.jpg",
    ),
    "the JPEG ends in the middle of its data",
  );
  assertEquals(shortReason(lines("[error] file:x.mp4: Permission denied"), "x.mp4"), "Permission denied");
  assertEquals(shortReason(lines("[error] x.mp4: " + "long ".repeat(100)), "x.mp4")?.length, 200);
  assertEquals(shortReason(lines("[warning] nothing bad"), "x.mp4"), undefined);
});

Deno.test("passthroughOption() knows which ffmpeg takes which option", () => {
  for (const version of ["4.3.6-0+deb11u1", "4.4.2-0ubuntu0.22.04.1", "5.0"]) {
    assertEquals(passthroughOption(version)[0], "-vsync", version);
  }
  for (const version of ["5.1.9-0+deb12u1", "6.1", "n7.0.2", "10.0", "N-12345-gabcdef", "unknown"]) {
    assertEquals(passthroughOption(version)[0], "-fps_mode", version);
  }
});

Deno.test("parsePpmHead() waits until the head is complete", () => {
  const bytes = new TextEncoder().encode("P6\n8000 6000\n255\n\0\0");
  assertEquals(parsePpmHead(bytes), { width: 8000, height: 6000, length: 17 });
  assertEquals(parsePpmHead(bytes.subarray(0, 16)), undefined);
});

Deno.test("naturalOrder() sorts numbers in names by value", () => {
  const names = ["f10.png", "f2.png", "F3.png", "f1b.png", "f1.png", "f002.png"];
  assertEquals(names.sort(naturalOrder), ["f1.png", "f1b.png", "f002.png", "f2.png", "F3.png", "f10.png"]);
});

Deno.test("ffmpegPath() protects paths and lets URLs through", () => {
  assertEquals(ffmpegPath("-a:b.mp4"), "file:-a:b.mp4");
  assertEquals(ffmpegPath("rtsp://camera/1"), "rtsp://camera/1");
  assertEquals(ffmpegPath("C:\\clips\\a.mp4"), "file:C:\\clips\\a.mp4");
});

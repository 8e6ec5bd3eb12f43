import type { Profile, ProfiledDispatch } from "./profile.ts";

/** An event of the Trace Event Format that Chrome's `about:tracing` and Perfetto read; times in microseconds. */
export interface TraceEvent {
  name: string;
  /** "X": something that lasts; "M": names a process or a thread. */
  ph: "X" | "M";
  pid: number;
  tid: number;
  cat?: string;
  ts?: number;
  dur?: number;
  args?: Record<string, unknown>;
}

/** A trace file's contents. */
export interface ChromeTrace {
  traceEvents: TraceEvent[];
  displayTimeUnit: "ms";
  otherData: Record<string, string>;
}

const PROCESS = 1;
const KERNELS = 1;
const COPIES = 2;
const NODES = 3;

/**
 * A profile as a trace: one run, its dispatches one after the other with their median times; the copies into textures that
 * go before some in a row of their own, and the nodes that they are for in a third. Load it in `about:tracing` or at
 * https://ui.perfetto.dev. The format: https://docs.google.com/document/d/1CvAClvFfyA5R-PhYUmn5OOQtYMH4h6I0nSsKchNAySU
 *
 * @param title what the run is called, such as the network's file.
 */
export function chromeTrace(
  profile: Profile,
  title: string,
  about: Record<string, string> = {},
): ChromeTrace {
  const name = (tid: number, text: string): TraceEvent => ({
    name: "thread_name",
    ph: "M",
    pid: PROCESS,
    tid,
    args: { name: text },
  });
  const events: TraceEvent[] = [
    { name: "process_name", ph: "M", pid: PROCESS, tid: 0, args: { name: title } },
    name(KERNELS, "kernels"),
    name(COPIES, "copies into textures"),
    name(NODES, "nodes"),
  ];
  let at = 0;
  let node: TraceEvent | undefined;
  for (const dispatch of profile.dispatches) {
    const { kernel, ms, copyMs, operators } = dispatch;
    const event = (tid: number, text: string, ts: number, dur: number): TraceEvent => ({
      name: text,
      cat: kernel,
      ph: "X",
      pid: PROCESS,
      tid,
      ts: microseconds(ts),
      dur: microseconds(dur),
    });
    if (copyMs > 0) events.push(event(COPIES, `copy for ${kernel}`, at, copyMs));
    events.push({
      ...event(KERNELS, `${kernel} ${dispatch.shape}`, at + copyMs, ms - copyMs),
      args: argumentsOf(dispatch),
    });
    if (node?.name === dispatch.node) node.dur = microseconds(at + ms - node.ts! / 1000);
    else {
      node = { ...event(NODES, dispatch.node, at, ms), args: { operators: operators.join(" ") } };
      events.push(node);
    }
    at += ms;
  }
  return { traceEvents: events, displayTimeUnit: "ms", otherData: { ...about, method: profile.method } };
}

/** Whole nanoseconds. */
function microseconds(ms: number): number {
  return Math.round(ms * 1e6) / 1e3;
}

function argumentsOf(dispatch: ProfiledDispatch): Record<string, unknown> {
  const { index, node, operators, workgroups, multiplyAdds, bytes, copiedBytes, share, ms, leastMs, why } =
    dispatch;
  return {
    index,
    node,
    operators: operators.join(" "),
    workgroups: workgroups.join(" x "),
    "GFLOP/s": ms > 0 ? 2 * multiplyAdds / ms / 1e6 : 0,
    "GB/s": ms > 0 ? bytes / ms / 1e6 : 0,
    multiplyAdds,
    bytes,
    copiedBytes,
    share,
    leastMs,
    ...(why !== undefined && { why }),
  };
}

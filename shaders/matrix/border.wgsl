// Pixels of the source at places beyond its ends, or mirrored: OpenCV's copyMakeBorder and flip.
// Uses: store, load

struct Params {
  y_view: vec4u,
  y_quads: vec4u,
  x_view: vec4u,
  // Column and row of the source that the first pixel is.
  start: vec2i,
  // How columns and rows are taken: 0 constant beyond the ends, 1 replicate, 2 reflect, 3 reflect101, 4 wrap, 5 flip.
  kind: vec2u,
  // The bits of the constant.
  value: vec4u,
}

fn remainder(p: i32, n: i32) -> i32 {
  let r = p % n;
  return select(r, r + n, r < 0);
}

// -1 for the constant.
fn place(p: i32, n: i32, kind: u32) -> i32 {
  switch kind {
    case 0u: {
      return select(-1, p, p >= 0 && p < n);
    }
    case 1u: {
      return clamp(p, 0, n - 1);
    }
    case 2u: {
      let r = remainder(p, 2 * n);
      return min(r, 2 * n - 1 - r);
    }
    case 3u: {
      let period = max(2 * n - 2, 1);
      let r = remainder(p, period);
      return min(r, period - r);
    }
    case 4u: {
      return remainder(p, n);
    }
    default: {
      return n - 1 - p;
    }
  }
}

@compute @workgroup_size(64)
fn main(
  @builtin(workgroup_id) group: vec3u,
  @builtin(num_workgroups) groups: vec3u,
  @builtin(local_invocation_index) local: u32,
) {
  let quad = quad_at(group, groups, local);
  if (!quad.exists) {
    return;
  }
  let py = place(quad.py + params.start.y, i32(params.x_view.z), params.kind.y);
  var v: array<vec4u, 4>;
  //#unroll p 4
  for (var p = 0u; p < 4u; p++) {
    let px = place(quad.px + i32(p) + params.start.x, i32(params.x_view.w), params.kind.x);
    v[p] = load(max(px, 0), max(py, 0));
    if (px < 0 || py < 0) {
      v[p] = params.value;
    }
  }
  //#end
  save(quad, v, inside(quad));
}

// One step of descriptors down a vocabulary tree: from the node that each has reached to the nearest of its children.
//
// descriptors  one row a descriptor, `width` elements each, padding zero
// rows         the rows of the tree's nodes, children of one node together; the root's is not looked at
// links        of each node: its first child, the number of its children; a leaf has none
// reached      the node of each descriptor, read (but on the first step, from the root) and written
// kept         the node of each descriptor after the step that says `keep`
// live         how many descriptors there are
//
// Bits are compared by Hamming distance, floats by the squared Euclidean. Of equally near children the first counts. An
// invocation takes children x (width + 1) loop iterations.

struct Params {
  width: u32,
  first: u32,
  keep: u32,
};

//#inject metric
alias element = vec4u;
alias measure = u32;
fn apart(a: element, b: element) -> measure {
  let bits = countOneBits(a ^ b);
  return bits.x + bits.y + bits.z + bits.w;
}
//#end

@group(0) @binding(0) var<storage, read> descriptors: array<element>;
@group(0) @binding(1) var<storage, read> rows: array<element>;
@group(0) @binding(2) var<storage, read> links: array<vec2u>;
@group(0) @binding(3) var<storage, read_write> reached: array<u32>;
@group(0) @binding(4) var<storage, read_write> kept: array<u32>;
@group(0) @binding(5) var<storage, read> live: array<u32>;
@group(0) @binding(6) var<uniform> params: Params;

@compute @workgroup_size(64)
fn main(
  @builtin(workgroup_id) group: vec3u,
  @builtin(num_workgroups) groups: vec3u,
  @builtin(local_invocation_index) lane: u32,
) {
  let i = (group.y * groups.x + group.x) * 64u + lane;
  if (i >= live[0]) { return; }
  // No branch hangs on a parameter: software Vulkan would compile the kernel anew for each of its values.
  var node = select(reached[i], 0u, params.first != 0u);
  let link = links[node];
  var least = measure(0);
  for (var c = 0u; c < link.y; c++) {
    var sum = measure(0);
    for (var e = 0u; e < params.width; e++) {
      sum += apart(descriptors[i * params.width + e], rows[(link.x + c) * params.width + e]);
    }
    if (c == 0u || sum < least) {
      least = sum;
      node = link.x + c;
    }
  }
  reached[i] = node;
  kept[i] = select(kept[i], node, params.keep != 0u);
}

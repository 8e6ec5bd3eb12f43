// Where the pixels of a resize come from. Positions are kept as whole numbers, so that they are exact.
//
// params  scale: source columns over destination columns (numerator, denominator), the same for rows
//         start: column and row of the whole destination at which the view begins

// A position between two pixels: the first, and how far it is from there to the next.
struct Position {
  whole: i32,
  part: f32,
}

// OpenCV's pixel centres: (d + 0.5) * scale - 0.5.
fn centre(d: i32, scale: vec2i) -> Position {
  let n = (2 * max(d, 0) + 1) * scale.x - scale.y;
  let whole = select(n / (2 * scale.y), -1, n < 0);
  return Position(whole, f32(n - whole * 2 * scale.y) / f32(2 * scale.y));
}

// What an element's bits mean. Depths: 0 8U, 1 8S, 2 16U, 3 16S, 4 32S, 5 32F, 6 16F.

fn decode(depth: u32, bits: vec4u) -> vec4f {
  switch depth {
    case 0u, 2u: {
      return vec4f(bits);
    }
    case 1u: {
      return vec4f(bitcast<vec4i>(bits << vec4u(24u)) >> vec4u(24u));
    }
    case 3u: {
      return vec4f(bitcast<vec4i>(bits << vec4u(16u)) >> vec4u(16u));
    }
    case 4u: {
      return vec4f(bitcast<vec4i>(bits));
    }
    case 5u: {
      return bitcast<vec4f>(bits);
    }
    default: {
      return half_to_float(bits);
    }
  }
}

// After cv::saturate_cast: to the nearest whole number, halves to the even one, clamped to what the depth holds.
fn encode(depth: u32, value: vec4f) -> vec4u {
  switch depth {
    case 0u: {
      return vec4u(clamp(round(value), vec4f(0.0), vec4f(255.0)));
    }
    case 1u: {
      return bitcast<vec4u>(vec4i(clamp(round(value), vec4f(-128.0), vec4f(127.0)))) & vec4u(255u);
    }
    case 2u: {
      return vec4u(clamp(round(value), vec4f(0.0), vec4f(65535.0)));
    }
    case 3u: {
      return bitcast<vec4u>(vec4i(clamp(round(value), vec4f(-32768.0), vec4f(32767.0)))) & vec4u(65535u);
    }
    case 4u: {
      // 2147483520 is the last f32 below 2^31.
      let whole = vec4i(clamp(round(value), vec4f(-2147483648.0), vec4f(2147483520.0)));
      return bitcast<vec4u>(select(whole, vec4i(2147483647), value >= vec4f(2147483648.0)));
    }
    case 5u: {
      return bitcast<vec4u>(value);
    }
    default: {
      return float_to_half(value);
    }
  }
}

// WGSL's own conversions may flush the smallest numbers, round as they like, and are undefined beyond 65504.
fn half_to_float(bits: vec4u) -> vec4f {
  let sign = (bits & vec4u(0x8000u)) << vec4u(16u);
  let magnitude = bits & vec4u(0x7fffu);
  let small = bitcast<vec4u>(vec4f(magnitude) * 5.9604644775390625e-8);
  let normal = (magnitude << vec4u(13u)) + vec4u(0x38000000u);
  let special = (magnitude << vec4u(13u)) | vec4u(0x7f800000u);
  let finite = select(normal, small, magnitude < vec4u(0x400u));
  return bitcast<vec4f>(select(finite, special, magnitude >= vec4u(0x7c00u)) | sign);
}

fn float_to_half(value: vec4f) -> vec4u {
  let bits = bitcast<vec4u>(value);
  let sign = (bits >> vec4u(16u)) & vec4u(0x8000u);
  let magnitude = bits & vec4u(0x7fffffffu);
  // Halves to the even one: less than half is added to an even result, exactly half to an odd one.
  let odd = (magnitude >> vec4u(13u)) & vec4u(1u);
  let normal = (magnitude - vec4u(0x38000000u) + vec4u(0xfffu) + odd) >> vec4u(13u);
  let small = vec4u(round(bitcast<vec4f>(magnitude) * 16777216.0));
  let special = select(vec4u(0x7c00u), vec4u(0x7e00u), magnitude > vec4u(0x7f800000u));
  let finite = select(normal, small, magnitude < vec4u(0x38800000u));
  return select(finite, special, magnitude >= vec4u(0x477ff000u)) | sign;
}

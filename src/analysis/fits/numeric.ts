/** Small numerical tools of the fits. */

/** log(1 + exp(v)), without overflow. */
export function softplus(v: number): number {
  return Math.max(v, 0) + Math.log1p(Math.exp(-Math.abs(v)));
}

/** Takes the mean off the values, in place, and returns it. */
export function centre(values: Float64Array): number {
  let sum = 0;
  for (const value of values) sum += value;
  const middle = sum / values.length;
  for (let i = 0; i < values.length; i++) values[i] = (values[i] as number) - middle;
  return middle;
}

/** The last accepted value from the best one, which is accepted, towards a bound: by bisection, to 1e-4. */
export function outermost(accepts: (x: number) => boolean, best: number, bound: number): number {
  if (accepts(bound)) return bound;
  let [inside, outside] = [best, bound];
  while (Math.abs(outside - inside) > 1e-4) {
    const middle = (inside + outside) / 2;
    if (accepts(middle)) inside = middle;
    else outside = middle;
  }
  return inside;
}

/** Where f is least in [low, high]: on a grid first, since it may have several dips, then by golden section. */
export function leastOn(f: (x: number) => number, low: number, high: number, steps: number): number {
  const at = (i: number): number => low + ((high - low) * i) / steps;
  let best = 0;
  let least = Infinity;
  for (let i = 0; i <= steps; i++) {
    const value = f(at(i));
    if (value < least) [least, best] = [value, i];
  }
  return goldenSection(f, at(Math.max(0, best - 1)), at(Math.min(steps, best + 1)));
}

/** Where f is least in [low, high], to 1e-7 of the range. */
function goldenSection(f: (x: number) => number, low: number, high: number): number {
  const ratio = (Math.sqrt(5) - 1) / 2;
  const narrow = (high - low) * 1e-7;
  let [left, right] = [high - ratio * (high - low), low + ratio * (high - low)];
  let [fLeft, fRight] = [f(left), f(right)];
  while (high - low > narrow) {
    if (fLeft <= fRight) {
      [high, right, fRight, left] = [right, left, fLeft, right - ratio * (right - low)];
      fLeft = f(left);
    } else {
      [low, left, fLeft, right] = [left, right, fRight, left + ratio * (high - left)];
      fRight = f(right);
    }
  }
  return (low + high) / 2;
}

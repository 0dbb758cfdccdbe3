/** XLA takes the larger and the smaller of two numbers faster where NaN need not come through. */
const NAN_COMES_THROUGH = '--xla_cpu_enable_fast_min_max=false';

/**
 * Has XLA keep NaN in minima, maxima and what is made of them: softmax, clipping, erf. It reads the variable once in a
 * process, before it first compiles. What the user says of it stands, and so does a file of flags.
 */
export function keepNaN(env: NodeJS.ProcessEnv): void {
  const given = env['XLA_FLAGS'] ?? '';
  const isFile = given !== '' && !given.trimStart().startsWith('-');
  if (isFile || given.includes('xla_cpu_enable_fast_min_max')) return;
  env['XLA_FLAGS'] = `${NAN_COMES_THROUGH} ${given}`.trimEnd();
}

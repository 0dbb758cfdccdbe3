/**
 * What is done to a graph before it first runs; each takes longer than the one before.
 *
 *     none    nothing: it is ready in a third of the time and runs up to 5 % slower, 20 % where many small products are made
 *     graph   TensorFlow rewrites it
 *     parts   and XLA compiles the parts marked by `fuse`
 *     whole   XLA compiles all of it
 *
 * XLA turns chains of operations into one, which runs faster, by a third for long chains of small operations, and takes
 * 0.2 to 1 s longer to prepare. Indices out of range are then clamped instead of refused.
 */
export type Optimization = (typeof OPTIMIZATIONS)[number];
export const OPTIMIZATIONS = ['none', 'graph', 'parts', 'whole'] as const;

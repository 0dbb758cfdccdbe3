/** Same weights, same results: what an engine of ours computes, and how far from it a peer is. */
import { relativeError } from '../../statistics.js';
import { checkedLengths, promptTokens, type Workload } from '../protocol/plan.js';
import { Failure } from './process/connection.js';
import type { Worker } from './process/session.js';

/** What one model comes to. */
export interface Reference {
  /** A safetensors file. */
  readonly weights: string;
  readonly period: number | null;
  /** [.., V]: the rows of the last position, by each way to it. */
  readonly logits: readonly (readonly number[])[];
}

/** Has an engine of ours write a model's weights to a file, and say what comes of them. */
export async function makeReference(
  worker: Worker,
  name: string,
  workload: Workload,
  weights: string,
): Promise<Reference> {
  const { period } = await worker.load(name);
  await worker.ask('write_weights', { name, path: weights });
  return { weights, period, logits: await logitsOf(worker, name, workload, period) };
}

/** float32 that is added up in another order differs by some 1e-6; another model by 0.1 and more. */
const LARGEST_ERROR = 1e-3;

/**
 * rms(got - ours) / rms(ours) of the logits of a peer; null where it has other weights, or shows no logits.
 * @throws Failure when they are not ours: it computes another model
 */
export async function errorOf(
  worker: Worker,
  name: string,
  workload: Workload,
  { period, logits }: Reference,
): Promise<number | null> {
  const { same_weights } = await worker.load(name);
  if (!same_weights) return null;
  const got = await logitsOf(worker, name, workload, period).catch((error: unknown) => {
    if (error instanceof Failure) return null;
    throw error;
  });
  if (got === null) return null;
  const [sizes, own] = [sizesOf(got), sizesOf(logits)];
  if (sizes !== own) throw new Failure(`logits: must be ${own} numbers, got ${sizes}`);
  const error = relativeError(got.flat(), logits.flat());
  if (error <= LARGEST_ERROR) return error;
  throw new Failure(`logits: must be ours to a relative error of ${LARGEST_ERROR}, got ${error.toPrecision(2)}`);
}

const sizesOf = (rows: readonly (readonly number[])[]): string => rows.map(({ length }) => length).join(' + ');

/** By two ways: one prefill, and a shorter one with steps over the end of a period. */
async function logitsOf(worker: Worker, name: string, workload: Workload, period: number | null): Promise<number[][]> {
  const [, whole] = checkedLengths(period);
  const tokens = promptTokens(workload, whole + MARGIN);
  const shown: number[][][] = [];
  for (const prefill of [whole + MARGIN, whole - MARGIN]) {
    shown.push((await worker.ask('logits', { name, tokens, prefill })).logits);
  }
  return shown.flat();
}

/** Tokens before and after the end of a period. */
const MARGIN = 4;

/** What is said with a worker process: one request at a time, each answered by one reply (docs/protocol.md). */
import type { ChildProcessWithoutNullStreams } from 'node:child_process';
import type { Engine } from '../../../engines/engine.js';
import { check, messageOf } from '../../../errors.js';
import { lineSplitter, parseLine, toLine } from '../../protocol/lines.js';
import {
  type Details,
  REPLY_TO,
  type Reply,
  type ReplyOf,
  type Request,
  replySchema,
} from '../../protocol/messages.js';
import { deathOf, endOf, type Life, lastWordsOf, launch } from './launch.js';
import { moved } from './pinning.js';
import { startLimit, type TimeLimit } from './time_limit.js';

export interface Connection {
  /**
   * @throws Failure when the worker says that it cannot
   * @throws Lost when it ended, was over its time or broke the protocol: there is nobody to be asked any more
   * @throws Error when `life` ends
   */
  ask<T extends Request['type']>(type: T, details: Details<T>): Promise<ReplyOf<T>>;
  /**
   * What is asked from now on may take so long, all together, in time that the process was given and had something to do.
   * @param overtime what is said of one that took longer
   */
  allow(ms: number, overtime: string): void;
  /** Has it run on that CPU from now on. @returns false where it cannot, or is gone */
  moveTo(cpu: number): boolean;
  /** Has the process end by itself; ends one that does not. */
  bye(): Promise<void>;
  /** Ends the process. Resolves when it is gone. */
  close(): Promise<void>;
}

/** What was asked for did not succeed; the worker may be asked for something else. */
export class Failure extends Error {
  readonly status = 'failed';
}

/** There is no worker any more. */
export class Lost extends Error {
  readonly status: 'failed' | 'timeout';

  constructor(status: Lost['status'], reason: string) {
    super(reason);
    this.status = status;
  }
}

/** A request that waits for its reply. */
interface Asked {
  readonly id: number;
  readonly type: Request['type'];
  resolve(reply: Reply): void;
  reject(error: Error): void;
}

/** A worker that has said bye is gone by then, or ended. */
const ENDING_MS = 5_000;

/** Starts a process of an engine. @param pinnedCpu the CPU it runs on; null to leave that to the system */
export function connect(engine: Engine, pinnedCpu: number | null, life: Life): Connection {
  life.signal.throwIfAborted();
  const child = launch(engine, pinnedCpu, life);
  let asked: Asked | null = null;
  let lastId = 0;
  let broken: Error | null = null;
  let limit: TimeLimit | null = null;
  let isLeaving = false;
  const breakOff = (error: Error): void => {
    limit?.stop();
    if (broken !== null) return;
    broken = error;
    if (child.exitCode === null && child.signalCode === null) life.end(child);
    asked?.reject(error);
  };
  const hear = (reply: Reply): void => {
    const waiting = asked;
    checkAnswers(reply, waiting);
    asked = null;
    if (reply.type === 'failed') waiting.reject(new Failure(firstLine(reply.reason)));
    else waiting.resolve(reply);
  };
  const abort = (): void => breakOff(life.signal.reason as Error);
  life.signal.addEventListener('abort', abort);
  readReplies(child, (reply) => broken ?? hear(reply), breakOff);
  const gone = reasonOfEnd(child).then((reason) => {
    breakOff(new Lost('failed', reason));
    life.signal.removeEventListener('abort', abort);
  });
  const connection: Connection = {
    ask: (type, details) =>
      new Promise((resolve, reject) => {
        if (broken !== null) return reject(broken);
        lastId += 1;
        asked = { id: lastId, type, resolve: resolve as Asked['resolve'], reject };
        child.stdin.write(toLine({ id: lastId, type, ...details }));
      }),
    allow(ms, overtime) {
      limit?.stop();
      const isWorking = (): boolean => asked !== null || isLeaving;
      limit = startLimit(ms, () => breakOff(new Lost('timeout', overtime)), isWorking);
    },
    moveTo: (cpu) => broken === null && moved(child.pid, cpu),
    async bye() {
      connection.allow(ENDING_MS, 'did not end');
      await connection.ask('bye', {}).catch(() => undefined); // it was measured, however it ends
      isLeaving = true;
      await gone;
      life.signal.throwIfAborted();
    },
    async close() {
      breakOff(new Lost('failed', 'was closed'));
      await gone;
    },
  };
  return connection;
}

/** Who says what is read, in errors: the cell that has the error names the engine. */
const WHO = 'its reply';

/** Hears the replies of a process until it breaks the protocol. */
function readReplies(
  { stdin, stdout }: ChildProcessWithoutNullStreams,
  hear: (reply: Reply) => void,
  breakOff: (error: Error) => void,
): void {
  const split = lineSplitter(WHO);
  stdin.on('error', () => undefined); // its end tells of a process that does not read
  stdout.setEncoding('utf8').on('data', (piece: string) => {
    try {
      for (const line of split(piece)) hear(parseLine(replySchema, line, WHO));
    } catch (error) {
      breakOff(new Lost('failed', messageOf(error)));
    }
  });
}

/** @throws UserError unless a reply is the one that is waited for */
function checkAnswers({ id, type }: Reply, asked: Asked | null): asserts asked is Asked {
  check(asked !== null, `${WHO}: must be asked for, got ${type} for request ${id}, which was answered or never made`);
  check(id === asked.id, `${WHO}: must be for request ${asked.id}, got ${type} for ${id}`);
  const expected = REPLY_TO[asked.type];
  check(type === expected || type === 'failed', `${WHO}: must be ${expected}, got ${type}`);
}

/** Resolves when a process is gone, to how it ended and what it said last. */
async function reasonOfEnd(child: ChildProcessWithoutNullStreams): Promise<string> {
  const lastWords = lastWordsOf(child.stderr);
  try {
    return `${deathOf(await endOf(child))}; ${lastWords()}`;
  } catch (error) {
    return `could not be started (${messageOf(error)})`;
  }
}

const firstLine = (text: string): string => text.split('\n').find((line) => line.trim() !== '') ?? 'no reason given';

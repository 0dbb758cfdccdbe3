/** The worker's end of the protocol (docs/protocol.md): lines in, lines out. */
import { messageOf } from '../../errors.js';
import { lineSplitter, parseLine, toLine } from '../protocol/lines.js';
import { REPLY_TO, type Reply, type Request, requestSchema } from '../protocol/messages.js';
import { ANSWERS, type Answer } from './answers.js';
import { createHolding, type OwnWay, type WorkerHost } from './holding.js';

/**
 * Answers requests one after the other, until `bye` or the end of the input.
 * @throws UserError for a line that is no request: it has no id to answer
 */
export async function serve(
  way: OwnWay,
  host: WorkerHost,
  input: AsyncIterable<string>,
  write: (line: string) => void,
): Promise<void> {
  const answer = createServer(way, host);
  const split = lineSplitter('harness');
  try {
    for await (const piece of input) {
      for (const line of split(piece)) {
        const request = parseLine(requestSchema, line, 'harness');
        write(toLine(await answer(request)));
        if (request.type === 'bye') return;
      }
    }
  } finally {
    await answer({ id: 1, type: 'bye' }); // also where nobody said it: a browser is closed
  }
}

/** What answers the requests of one process, whose models and prepared cell it holds. */
export function createServer(way: OwnWay, host: WorkerHost): (request: Request) => Promise<Reply> {
  const holding = createHolding(way, host);
  return async (request) => {
    const { id, type } = request;
    try {
      const answer = ANSWERS[type] as Answer<typeof type>;
      return { id, type: REPLY_TO[type], ...(await answer(holding, request as never)) } as Reply;
    } catch (error) {
      return { id, type: 'failed', reason: messageOf(error) };
    }
  };
}

import { readFileSync } from 'node:fs';
import { expect, test } from 'vitest';
import type { WorkerHost } from '../../src/bench/measure/holding.js';
import { serve } from '../../src/bench/measure/serve.js';
import { parseLine } from '../../src/bench/protocol/lines.js';
import { REPLY_TO, replySchema, requestSchema } from '../../src/bench/protocol/messages.js';
import { shapeOf } from '../../src/models/model.js';
import { createModel } from '../../src/models/registry.js';

const PAGE = readFileSync(new URL('../../docs/protocol.md', import.meta.url), 'utf8');
const linesOf = (mark: string): string[] =>
  [...PAGE.matchAll(new RegExp(`^${mark} (\\{.*\\})$`, 'gm'))].map(([, line]) => line as string);

/** What depends on the machine. */
const VARYING = new Set(['ms', 'compile_ms', 'peak_rss_bytes', 'versions', 'env']);
/** Without it, and with numbers to four digits. */
const stable = (line: string): unknown =>
  JSON.parse(line, (key, value) => {
    if (VARYING.has(key)) return null;
    return typeof value === 'number' ? Number(value.toPrecision(4)) : value;
  });

test('the example session of docs/protocol.md is what our worker says', async () => {
  const requests = linesOf('>');
  const replies = linesOf('<');
  expect(requests.length).toBeGreaterThan(8);
  const said: string[] = [];
  const host: WorkerHost = {
    createModel: ({ model, shape, options }, way) => createModel(model, shapeOf(shape), options, way),
    now: () => 0,
    ...{ peakRssBytes: () => 0, pageFolder: '', onLost: () => undefined },
    env: () => ({}),
  };
  async function* input() {
    for (const line of requests) yield `${line}\n`;
  }
  await serve({ backend: 'wasm', way: 'eager' }, host, input(), (line) => said.push(line));
  expect(said.map(stable)).toEqual(replies.map(stable));
  for (const line of replies) parseLine(replySchema, line, 'docs/protocol.md');
});

test('docs/protocol.md tells of every request, and of the reply to it', () => {
  const rows = [...PAGE.matchAll(/^\| `(\w+)` \|.*\| `(\w+)`/gm)].map(([, request, reply]) => [request, reply]);
  const ours = /Our engines also answer (.*?);/.exec(PAGE)?.[1] ?? '';
  const asked = requestSchema.options.map(({ shape }) => shape.type.value);
  const others = asked.filter((type) => !ours.includes(`\`${type}\``));
  expect(Object.fromEntries(rows)).toEqual(Object.fromEntries(others.map((type) => [type, REPLY_TO[type]])));
});

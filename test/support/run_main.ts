import type { Streams } from '../../evals/shared/command_line.js';

export type Main = (argv: readonly string[], streams: Streams) => Promise<number>;

/** Runs a command in this process. @returns its exit code and what it wrote */
export async function runMain(main: Main, argv: readonly string[]) {
  const text = { stdout: '', stderr: '' };
  const stream = (name: keyof typeof text) => ({
    write(part: string) {
      text[name] += part;
    },
  });
  const code = await main(argv, { stdout: stream('stdout'), stderr: stream('stderr') });
  return { code, ...text };
}

/** Cases as a JUnit file, as Jenkins, GitLab and others read it. */
import Builder from 'fast-xml-builder';
import { printable } from './escape.js';

export interface TestCase {
  readonly classname: string;
  readonly name: string;
  readonly timeMs: number | null;
  readonly outcome: { readonly kind: 'failure' | 'error' | 'skipped'; readonly message: string } | null;
}

/** One suite; the outcome of a case is null when it passed. */
export function toJunit(suite: string, timestamp: string, cases: readonly TestCase[]): string {
  const count = (kind: string): number => cases.filter(({ outcome }) => outcome?.kind === kind).length;
  const seconds = (ms: number | null): string => ((ms ?? 0) / 1000).toFixed(6);
  const totals = { '@tests': cases.length, '@failures': count('failure'), '@errors': count('error') };
  const builder = new Builder({
    ignoreAttributes: false,
    attributeNamePrefix: '@',
    format: true,
    suppressEmptyNode: true,
  });
  return builder.build({
    '?xml': { '@version': '1.0', '@encoding': 'UTF-8' },
    testsuites: {
      ...totals,
      testsuite: {
        '@name': printable(suite),
        ...totals,
        '@skipped': count('skipped'),
        '@timestamp': timestamp,
        testcase: cases.map(({ classname, name, timeMs, outcome }) => ({
          '@classname': printable(classname),
          '@name': printable(name),
          '@time': seconds(timeMs),
          ...(outcome === null ? {} : { [outcome.kind]: { '@message': printable(outcome.message) } }),
        })),
      },
    },
  });
}

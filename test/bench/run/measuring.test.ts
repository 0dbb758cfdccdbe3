import { describe, expect, test } from 'vitest';
import { Failure } from '../../../src/bench/run/connection.js';
import { checkClock } from '../../../src/bench/run/measuring.js';

const timing = (inside: number, outside: number) => ({ inside, outside });

describe('a clock is believed', () => {
  test.each([
    ['that is a message behind', [timing(10, 10.3), timing(250, 251)]],
    ['that differs by what clocks differ by', [timing(1000, 995), timing(0.5, 0.1)]],
    ['where a run was waited for long, once', [timing(10, 400), timing(10, 10.2)]],
    ['where runs are short and messages are not', [timing(1, 90), timing(1, 60)]],
  ])('%s', (_, timings) => {
    expect(() => checkClock(timings, [1])).not.toThrow();
  });
});

describe('a clock is not believed', () => {
  test.each([
    [
      'that runs ahead',
      [timing(10, 10), timing(30, 10)],
      [1],
      'its clock must not run ahead of ours, got 30 ms for what took 10 ms',
    ],
    [
      'that counts less than half, each time',
      [timing(40, 99), timing(40, 123.4)],
      [1],
      'its clock must count all of what it does, got 40 ms for what took 123 ms',
    ],
    ['that stands still', [timing(0, 10)], [0], 'its clock must tell how long a run took, got 0 ms'],
  ])('%s', (_, timings, kept, reason) => {
    expect(() => checkClock(timings, kept)).toThrow(new Failure(reason));
  });
});

/** What all commands share: flags, errors and exit codes. Loads nothing heavy: `--help` and bad flags answer at once. */
import { Command, CommanderError, type Option } from 'commander';
import { EXIT } from '#scripts/ending.mjs';
import { check, UserError } from '../../src/errors.js';
import { printable, terminalText } from '../../src/report/escape.js';
import { sayInterrupted } from './interruption.js';
import { packageVersion } from './package_folder.js';

/** Where a command writes its text: tables on stdout, progress and warnings on stderr. */
export interface Streams {
  readonly stdout: Output;
  readonly stderr: Output;
}

export interface Output {
  write(text: string): unknown;
  readonly isTTY?: boolean;
  /** Characters in a line of a terminal; elsewhere those of COLUMNS, or as many as a line needs. */
  readonly columns?: number;
  /** The stream itself, for a bar that moves the cursor. */
  readonly bare?: Output;
}

/** Whatever a command says: names, reasons and paths in it are harmless to the terminal or log that shows them. */
export function harmless({ stdout, stderr }: Streams): Streams {
  const wrap = (output: Output): Output => ({
    write: (text) => output.write(terminalText(text)),
    bare: output,
    get isTTY() {
      return output.isTTY ?? false;
    },
    get columns() {
      return output.columns || Number(process.env['COLUMNS']) || Number.POSITIVE_INFINITY;
    },
  });
  return { stdout: wrap(stdout), stderr: wrap(stderr) };
}

function optionDescription({ description, defaultValue }: Option): string {
  if (defaultValue === undefined || defaultValue === false || String(defaultValue) === '') return description;
  return `${description} (default: ${[defaultValue].flat().join(' ')})`;
}

/** Options of another command for the end of a help. */
export function optionLines(options: readonly Option[]): string {
  const width = options.reduce((widest, { flags }) => Math.max(widest, flags.length), 0);
  return options.map((option) => `  ${option.flags.padEnd(width)}  ${optionDescription(option)}`).join('\n');
}

export function createCommand(name: string, description: string, { stdout, stderr }: Streams): Command {
  return new Command(name)
    .description(description)
    .version(packageVersion(), '--version', 'print the version')
    .helpOption('-h, --help', 'print this')
    .allowExcessArguments(false)
    .showSuggestionAfterError(false) // usage_hints.ts has its own
    .exitOverride()
    .configureHelp({ optionDescription })
    .configureOutput({
      writeOut: (text) => stdout.write(text),
      writeErr: (text) => stderr.write(text),
      outputError: () => undefined, // runCommand says it
    });
}

/**
 * Parses argv (without node and script) and runs the command, which says everything through the streams it is given.
 * @returns what `run` returns; 0 after --help; 2 with one line on stderr for bad usage or input; 128 + signal when interrupted
 */
export async function runCommand<Options>(
  command: Command,
  argv: readonly string[],
  streams: Streams,
  run: (options: Options, positional: readonly string[], streams: Streams) => Promise<number>,
): Promise<number> {
  const safe = harmless(streams);
  try {
    const options = await parseFlags<Options>(command, argv);
    return await run(options, command.args, safe);
  } catch (error) {
    if (error instanceof CommanderError && error.exitCode === 0) return EXIT.ok;
    if (!(error instanceof UserError)) return sayInterrupted(error, safe.stderr);
    safe.stderr.write(`error: ${printable(oneLine(error.message))}\n`);
    return EXIT.usage;
  }
}

/** Reads the flags in argv (without node and script). @throws UserError for bad usage @throws CommanderError after --help */
export async function parseFlags<Options>(command: Command, argv: readonly string[]): Promise<Options> {
  try {
    command.parse(lastLists(argv.map(withUnderscores), command), { from: 'user' });
    return command.opts<Options & Record<string, unknown>>();
  } catch (error) {
    if (!(error instanceof CommanderError) || error.exitCode === 0) throw error;
    throw new UserError(await usageMessage(error, command));
  }
}

/** One line for bad usage. */
async function usageMessage(error: CommanderError, command: Command): Promise<string> {
  const { args, registeredArguments } = command;
  if (error.code === 'commander.excessArguments') {
    return excessArgumentText(args[registeredArguments.length] ?? '', command);
  }
  const [, unknownFlag] = /unknown option '(.*)'/s.exec(error.message) ?? [];
  if (unknownFlag !== undefined) {
    const { unknownFlagText } = await import('./usage_hints.js');
    return oneLine(unknownFlagText(unknownFlag, command));
  }
  return oneLine(error.message.replace(/^error: /, ''));
}

/** @example `unexpected argument a.json; did you mean --results_file a.json?` */
export function excessArgumentText(argument: string, { options }: Command): string {
  const takesFile = options.some(({ long }) => long === RESULTS_FLAG) && /\.(json|csv)$/i.test(argument);
  return `unexpected argument ${argument}${takesFile ? `; did you mean ${RESULTS_FLAG} ${argument}?` : ''}`;
}

const RESULTS_FLAG = '--results_file';

const oneLine = (text: string): string => text.trim().replaceAll(/\s*\n\s*/g, ' ');

/** `--seq-lengths` is `--seq_lengths`. */
function withUnderscores(argument: string): string {
  const [, flag, value = ''] = /^--([^=]+)(=.*)?$/s.exec(argument) ?? [];
  return flag === undefined ? argument : `--${flag.replaceAll('-', '_')}${value}`;
}

/** Of a flag with a list that is given twice the later list counts, as with any other flag. */
function lastLists(argv: readonly string[], { options }: Command): string[] {
  const lists = new Set(options.filter(({ variadic }) => variadic).map(({ long }) => long));
  const flags = argv.map((argument) => /^--[^=]+/.exec(argument)?.[0]);
  let dropping = false;
  return argv.filter((argument, i) => {
    const flag = flags[i];
    if (argument.startsWith('--')) dropping = lists.has(flag) && flags.lastIndexOf(flag) > i;
    return !dropping;
  });
}

/** A parser of whole numbers of at least `min` for commander. */
export function wholeNumber(flag: string, min: number): (text: string) => number {
  return (text) => {
    const value = /^[+-]?\d+$/.test(text.trim()) ? Number(text) : Number.NaN;
    check(
      value >= min && Number.isSafeInteger(value),
      `${flag}: must be a whole number of at least ${min}, got ${quoted(text)}`,
    );
    return value;
  };
}

/** A parser of numbers above 0 for commander. */
export function positiveNumber(flag: string): (text: string) => number {
  return (text) => {
    const value = text.trim() === '' ? Number.NaN : Number(text);
    check(value > 0 && Number.isFinite(value), `${flag}: must be a number above 0, got ${quoted(text)}`);
    return value;
  };
}

/** A parser of numbers of at least 0 for commander. */
export function numberFromZero(flag: string): (text: string) => number {
  return (text) => {
    const value = text.trim() === '' ? Number.NaN : Number(text);
    check(value >= 0 && Number.isFinite(value), `${flag}: must be a number of at least 0, got ${quoted(text)}`);
    return value;
  };
}

/** A parser of one of some words for commander. */
export function oneOf<Word extends string>(flag: string, words: readonly Word[]): (text: string) => Word {
  return (text) => {
    const found = words.find((word) => word === text);
    check(found !== undefined, `${flag}: must be one of ${words.join(', ')}, got ${quoted(text)}`);
    return found;
  };
}

/** So that an empty value can be seen. */
const quoted = (text: string): string => (text.trim() === '' ? `'${text}'` : text);

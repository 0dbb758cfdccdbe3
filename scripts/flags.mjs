/** The flags of our scripts. */
import { parseArgs } from 'node:util';
import { EXIT } from './ending.mjs';

/** Flags that all take a value, but for --help, and what comes after them; ends with one line where they are bad. */
export function parseFlags(defaults) {
  const text = (value) => ({ type: 'string', ...(value !== null && { default: value }) });
  const options = Object.fromEntries(Object.entries(defaults).map(([name, value]) => [name, text(value)]));
  try {
    return parseArgs({ allowPositionals: true, options: { ...options, help: { type: 'boolean', default: false } } });
  } catch (error) {
    console.error(`error: ${error.message.split('. ')[0]}; --help lists all`);
    process.exit(EXIT.usage);
  }
}

/** How our programs end: their exit codes, and the signals that end them. */
import { constants } from 'node:os';

/** failed: the work was done, and found what must not be; internal: a fault of ours. */
export const EXIT = { ok: 0, failed: 1, usage: 2, cannotTell: 3, internal: 70 };

/** @param {NodeJS.Signals} signal that ended a program */
export const exitOfSignal = (signal) => 128 + constants.signals[signal];

export const SIGNALS = ['SIGINT', 'SIGTERM', 'SIGHUP'];

/** The variable that a command which nohup started sets for those that it starts (bin/nohup.js). */
export const NOHUP = 'ATTNSCALE_NOHUP';

/** The signals that end this program: under nohup not HUP. */
export const endingSignals = () => (process.env[NOHUP] === undefined ? SIGNALS : ['SIGINT', 'SIGTERM']);

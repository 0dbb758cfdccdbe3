export const EXIT: Readonly<Record<'ok' | 'failed' | 'usage' | 'cannotTell' | 'internal', number>>;
export function exitOfSignal(signal: NodeJS.Signals): number;
export const SIGNALS: readonly NodeJS.Signals[];
export const NOHUP: string;
/** The signals that end this program: under nohup not HUP. */
export function endingSignals(): readonly NodeJS.Signals[];

/** How every remedy ends. */
export const AGAIN = 'then `npm run setup`';

/** The native backend cannot be had: why, and what would bring it. */
export class Unavailable extends Error {
  constructor(reason, remedy = '`npm run setup` tries again') {
    super(`${reason}; to get it: ${remedy}`.replace(/\s+/g, ' '));
  }
}

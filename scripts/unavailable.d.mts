export const SET_UP: string;
export const WITH_OPTIONAL: string;
export const IS_CLONE: boolean;
export function isInstalled(name: string): boolean;

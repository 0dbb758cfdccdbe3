/** Why a linked addon must not be loaded, or null. */
export function addonProblem(link: string): string | null;

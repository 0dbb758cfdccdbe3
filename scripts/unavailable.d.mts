export const SET_UP: string;
export const WITH_OPTIONAL: string;

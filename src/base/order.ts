/** Compares two texts by code unit, which gives the same order on every machine; localeCompare does not. */
export const compareText = (a: string, b: string): number => (a < b ? -1 : a > b ? 1 : 0);

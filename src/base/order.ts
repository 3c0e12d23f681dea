/** Order of two texts by code unit: the same on every machine, which localeCompare is not. */
export const compareText = (a: string, b: string): number => (a < b ? -1 : a > b ? 1 : 0);

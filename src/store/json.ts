/** Parses columns that hold JSON. */

/** As SQLite's own functions for JSON put it. */
export const MALFORMED_JSON = 'malformed JSON';

/** A column that was written as JSON is none: the file is damaged, in the content of rows, which SQLite does not check. */
export class MalformedJsonError extends Error {
  override name = 'MalformedJsonError';
}

export function parsed<T>(text: string): T {
  try {
    return JSON.parse(text) as T;
  } catch {
    throw new MalformedJsonError(MALFORMED_JSON);
  }
}

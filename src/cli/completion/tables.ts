/** What is completed, the same for all shells. */

export type Values =
  | {
      words: readonly string[];
      /** Several words, separated by commas. */
      list?: true;
      /** The word is completed without a space: its value follows directly. */
      open?: true;
    }
  | 'files'
  | 'interfaces'
  | 'users'
  | 'nothing';

export interface CompletedOption {
  long: string;
  short: string | undefined;
  description: string;
  /** Undefined if the option takes no value. */
  values: Values | undefined;
}

export interface Completed {
  name: string;
  summary: string;
  options: readonly CompletedOption[];
  argument: Values | undefined;
}

/**
 * Quotes `text` with single quotes. Inside them fish knows `\'`; in the other shells the quotes end for a `\'` and
 * begin again.
 */
export const quoted = (text: string, shell: 'posix' | 'fish'): string =>
  shell === 'fish' ? `'${text.replace(/[\\']/g, '\\$&')}'` : `'${text.replaceAll("'", "'\\''")}'`;
